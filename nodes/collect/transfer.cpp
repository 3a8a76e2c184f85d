// SPDX-License-Identifier: Apache-2.0
#include "transfer.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "content.h"
#include "copy.h"
#include "descriptor.h"
#include "nodes/table/slide_list.h"

namespace flowrun::wsi::collect {
namespace {

namespace fs = std::filesystem;

/// rename(2) that replaces nothing. Returns 0 or errno.
int rename_new(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
  // A file system that cannot (NFS): a second name for a file is never given over another one, either.
  if (::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0) == 0)
    return ::unlink(from.c_str()) == 0 ? 0 : errno;
  if (errno == EEXIST || errno == EXDEV || errno == ENOENT) return errno;
  // Folders, and file systems without hard links. The folders written to are locked.
  struct stat facts {};
  if (::lstat(to.c_str(), &facts) == 0) return EEXIST;
  return ::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno;
}

void copy_over(const fs::path& from, const fs::path& to, const fs::path& part) {
  remove_whole(part);
  copy_verified(from, part);
  const int code = rename_new(part, to);
  if (code != 0) {
    remove_whole(part);
    fail("write", to, code);
  }
  sync_folder(to.parent_path());
  remove_whole(from);
}

[[noreturn]] void taken_by_another(const fs::path& from, const fs::path& to) {
  throw Error(fmt::format("{} stays where it is: {} exists and is something else", printable(from.string()),
                          printable(to.string())));
}

}  // namespace

Step move_new(const fs::path& from, const fs::path& to, const fs::path& part) {
  const int code = rename_new(from, to);
  if (code == 0) return Step::taken;
  const bool is_at_target = is_there(to);
  if (!is_there(from)) {
    if (is_at_target) return Step::taken_before;
    throw Error(fmt::format("{} is gone", printable(from.string())));
  }
  if (is_at_target) {
    if (contains_all_of(from, to)) {
      remove_whole(from);
      return Step::taken_before;
    }
    if (!contains_all_of(to, from)) taken_by_another(from, to);
    remove_whole(to);
    return move_new(from, to, part);
  }
  if (code != EXDEV) fail("move", from, code);
  copy_over(from, to, part);
  return Step::taken;
}

Step remove_duplicate(const fs::path& from, const fs::path& kept) {
  if (!is_there(from)) return Step::taken_before;
  if (!is_there(kept) || !contains_all_of(from, kept)) taken_by_another(from, kept);
  remove_whole(from);
  return Step::taken;
}

bool is_there(const fs::path& path) {
  struct stat facts {};
  if (::lstat(path.c_str(), &facts) == 0) return true;
  if (errno != ENOENT && errno != ENOTDIR) fail("look at", path, errno);
  return false;
}

}  // namespace flowrun::wsi::collect
