// SPDX-License-Identifier: Apache-2.0
#include "output/output_folders.h"

#include <fmt/format.h>

#include <set>
#include <stdexcept>
#include <system_error>

namespace flowrun {

namespace fs = std::filesystem;

OutputFolders::OutputFolders(const std::vector<fs::path>& folders, const std::optional<Part>& part,
                             const LockOptions& options, const Rank& rank) {
  for (const fs::path& folder : folders) {
    OutputFolder* open = find(folder);
    spellings_[folder] = open ? open : &folders_.emplace_back(folder, part, options, rank);
  }
}

OutputFolder* OutputFolders::find(const fs::path& folder) {
  std::error_code unseen;
  const fs::path plain = fs::absolute(folder, unseen).lexically_normal();
  for (OutputFolder& open : folders_)
    if (fs::equivalent(open.path(), plain, unseen)) return &open;
  return nullptr;
}

OutputFolder& OutputFolders::at(const fs::path& folder) {
  if (const auto known = spellings_.find(folder); known != spellings_.end()) return *known->second;
  if (OutputFolder* open = find(folder)) return *open;
  throw std::logic_error(fmt::format("{} was not described as an output folder", folder.string()));
}

void OutputFolders::sync() const {
  std::set<dev_t> synced;
  for (const OutputFolder& folder : folders_)
    if (synced.insert(folder.device()).second) folder.sync();
}

}  // namespace flowrun
