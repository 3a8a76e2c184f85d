// SPDX-License-Identifier: Apache-2.0
#include "folder_entries.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string_view>

#include "descriptor.h"

namespace flowrun::wsi::collect {
namespace {

FolderEntry::Type type_of(DIR* folder, const dirent& entry) {
  unsigned type = entry.d_type;
  if (type == DT_UNKNOWN) {  // file systems that do not say it
    struct stat facts {};
    if (::fstatat(::dirfd(folder), entry.d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0)
      type = IFTODT(facts.st_mode);
  }
  return type == DT_REG   ? FolderEntry::Type::file
         : type == DT_DIR ? FolderEntry::Type::folder
         : type == DT_LNK ? FolderEntry::Type::link
                          : FolderEntry::Type::special;
}

}  // namespace

std::vector<FolderEntry> entries_of(const std::filesystem::path& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(folder.c_str()), &::closedir);
  if (!open) fail("read", folder, errno);
  std::vector<FolderEntry> out;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());
    if (!entry) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") out.push_back({std::string(name), type_of(open.get(), *entry)});
  }
  if (errno != 0) fail("read", folder, errno);
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.name < b.name; });
  return out;
}

}  // namespace flowrun::wsi::collect
