// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "run/run.h"

namespace flowrun::cli {

/// What one run told last, in the status.json of its output folder.
struct ToldRun {
  nlohmann::json status;  ///< all fields are there, each of its type
  bool dead = false;      ///< it did not come to say how it ended

  bool runs() const;
  /// Nothing: its machine is another one.
  std::optional<bool> lives() const;
  /// As the run itself shows it.
  RunStatus progress() const;
};

/// By the count of parts and the part's number, the run of all (0, 0) first.
using ToldRuns = std::map<std::pair<int, int>, ToldRun>;

/// Reads what the runs in an output folder tell again and again, and so knows of those of other machines
/// which are dead.
class ToldRunsReader {
 public:
  explicit ToldRunsReader(std::filesystem::path output_folder) : folder_(std::move(output_folder)) {}

  /// A run of another machine that says nothing new for so long is dead.
  static constexpr std::chrono::seconds patience{6};

  /// Empty when none told anything there. Throws Error.
  ToldRuns read();
  /// Of some it is not known yet whether they live, having read them once.
  bool is_unsure() const { return unsure_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Seen {
    std::uint64_t beats;
    Clock::time_point changed;
  };
  const std::filesystem::path folder_;
  std::map<std::pair<int, int>, Seen> seen_;
  bool unsure_ = false;
};

/// What the parts of one count come to together, in a line without its end.
std::string total_of_parts(const ToldRuns& all, int count);
/// Each run, and the parts of each count together. `drawn`: with bars.
std::string text_of(const ToldRuns& all, bool drawn);

}  // namespace flowrun::cli
