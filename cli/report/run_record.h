// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace flowrun::cli {

/// What a run left of itself in `.flowrun/` of an output folder. What is missing or damaged is an Error that
/// names the file.
class RunRecord {
 public:
  using See = std::function<void(const nlohmann::json& entry)>;

  explicit RunRecord(std::filesystem::path folder);

  const std::filesystem::path& folder() const { return folder_; }
  const nlohmann::json& summary() const { return summary_; }
  /// Columns: see Series.
  const nlohmann::json& series() const { return series_; }
  /// What each done scope left in the journal, also in earlier runs: by name, successive ones in the order in
  /// which they were made. One entry is in memory at a time. std::invalid_argument and
  /// nlohmann::json's exceptions of `see` say that it is damaged.
  void for_each_done(const See& see) const;
  /// Scopes of the last run that did not become whole, as lines of scopes.jsonl.
  void for_each_lost(const See& see) const;

 private:
  std::filesystem::path folder_;
  nlohmann::json summary_, series_;
  std::vector<std::filesystem::path> entries_;
};

/// What it says, without its number.
std::string in_words(const nlohmann::json::exception& problem);

}  // namespace flowrun::cli
