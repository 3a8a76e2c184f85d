// SPDX-License-Identifier: Apache-2.0
#include "files_below.h"

#include <algorithm>
#include <set>
#include <system_error>

namespace flowrun::wsi {

namespace fs = std::filesystem;

std::vector<fs::path> files_below(const fs::path& folder) {
  std::vector<fs::path> files, folders{folder}, links;
  std::set<fs::path> read;
  std::error_code ignored;
  // Links come when no other folder is left, in an order that the file system has no say in.
  while (!folders.empty() || !links.empty()) {
    auto& next = folders.empty() ? links : folders;
    const auto first = std::ranges::min_element(next);
    const fs::path at = *first;
    next.erase(first);
    if (!read.insert(fs::weakly_canonical(at, ignored)).second) continue;
    for (const auto& entry : fs::directory_iterator(at, fs::directory_options::skip_permission_denied)) {
      if (entry.path().filename().string().starts_with(".")) continue;
      if (entry.is_directory(ignored))
        (entry.is_symlink(ignored) ? links : folders).push_back(entry.path());
      else if (entry.is_regular_file(ignored))
        files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace flowrun::wsi
