// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace flowrun::wsi::collect {

struct FolderEntry {
  enum class Type { file, folder, link, special };
  std::string name;
  Type type;
};

/// The entries of a folder, sorted by name. Throws Error when it cannot be read.
std::vector<FolderEntry> entries_of(const std::filesystem::path& folder);

}  // namespace flowrun::wsi::collect
