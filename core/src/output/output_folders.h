// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "output/output_folder.h"

namespace flowrun {

/// The output folders of a run, each opened once however it is spelled.
class OutputFolders {
 public:
  OutputFolders() = default;
  /// Throws Error, see OutputFolder.
  explicit OutputFolders(const std::vector<std::filesystem::path>& folders,
                         const std::optional<Part>& part = {}, const LockOptions& options = {},
                         const Rank& rank = {});

  /// Throws std::logic_error when it was not opened.
  OutputFolder& at(const std::filesystem::path& folder);
  auto begin() { return folders_.begin(); }
  auto end() { return folders_.end(); }
  auto begin() const { return folders_.begin(); }
  auto end() const { return folders_.end(); }
  /// Waits until all that was published is on the disk. Throws Error.
  void sync() const;

 private:
  OutputFolder* find(const std::filesystem::path& folder);

  std::deque<OutputFolder> folders_;
  std::map<std::filesystem::path, OutputFolder*> spellings_;  // as given
};

}  // namespace flowrun
