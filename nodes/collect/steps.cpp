// SPDX-License-Identifier: Apache-2.0
#include "steps.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "content.h"
#include "copy.h"
#include "descriptor.h"
#include "journal.h"
#include "nodes/table/slide_list.h"

namespace flowrun::wsi::collect {
namespace {

namespace fs = std::filesystem;

/// Deletes a file unless it was changed since it was found.
Step erase(const fs::path& path, const Operation& operation) {
  struct stat facts {};
  if (!is_there(path)) return Step::taken_before;
  if (::lstat(path.c_str(), &facts) != 0) fail("delete", path, errno);
  const std::int64_t modified = facts.st_mtim.tv_sec * std::int64_t{1'000'000'000} + facts.st_mtim.tv_nsec;
  if (!S_ISREG(facts.st_mode) || modified != operation.modified ||
      static_cast<std::uint64_t>(facts.st_size) != operation.bytes)
    throw Error(
        fmt::format("{} has changed since it was listed, so it is not deleted", printable(path.string())));
  if (::unlink(path.c_str()) != 0) fail("delete", path, errno);
  return Step::taken;
}

/// A folder that is not empty after all (something could not be moved) stays.
Step remove_folder(const fs::path& path) {
  if (::rmdir(path.c_str()) == 0) return Step::taken;
  if (errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST && errno != EBUSY) fail("remove", path, errno);
  return Step::taken_before;
}

void make_parents(const fs::path& path) {
  std::error_code problem;
  fs::create_directories(path.parent_path(), problem);
  if (problem) fail("make", path.parent_path(), problem.value());
}

Step make_folder(const fs::path& path, unsigned mode) {
  make_parents(path);
  const bool there = ::mkdir(path.c_str(), mode) != 0;
  if (there && errno != EEXIST) fail("make", path, errno);
  if (::chmod(path.c_str(), mode) != 0) fail("set the permissions of", path, errno);
  return there ? Step::taken_before : Step::taken;
}

/// Gives a duplicate back, as a copy of what was kept.
Step restore(const fs::path& path, const fs::path& kept, const fs::path& part, const Operation& operation) {
  if (is_there(path)) return Step::taken_before;
  if (!is_there(kept))
    throw Error(
        fmt::format("{} cannot be restored: {} is gone", printable(path.string()), printable(kept.string())));
  make_parents(path);
  remove_whole(part);
  copy_verified(kept, part);
  const timespec modified{operation.modified / 1'000'000'000, operation.modified % 1'000'000'000};
  const timespec times[] = {modified, modified};
  if (::fchmodat(AT_FDCWD, part.c_str(), operation.mode, fs::is_symlink(part) ? AT_SYMLINK_NOFOLLOW : 0) !=
          0 &&
      errno != EOPNOTSUPP)
    fail("set the permissions of", part, errno);
  if (::utimensat(AT_FDCWD, part.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    fail("set the time of", part, errno);
  return move_new(part, path, part);
}

}  // namespace

Step Steps::take(std::size_t index) const {
  const Operation& operation = plan_.operations[index];
  const fs::path from = plan_.from(operation), to = plan_.to(operation);
  switch (operation.kind) {
    case Operation::Kind::move:
      return move_new(from, to, part_of(to, index));
    case Operation::Kind::duplicate:
      return remove_duplicate(from, to);
    case Operation::Kind::erase:
      return erase(from, operation);
    case Operation::Kind::remove_folder:
      break;
  }
  return remove_folder(from);
}

Step Steps::take_back(std::size_t index) const {
  const Operation& operation = plan_.operations[index];
  const fs::path from = plan_.from(operation), to = plan_.to(operation);
  switch (operation.kind) {
    case Operation::Kind::move:
      if (!is_there(to)) {
        if (is_there(from)) return Step::taken_before;
        throw Error(
            fmt::format("{} cannot go back: {} is gone", printable(from.string()), printable(to.string())));
      }
      // The removal of what had been copied was disturbed: whole is what was copied.
      if (is_there(from) && contains_all_of(from, to) && !contains_all_of(to, from)) remove_whole(from);
      make_parents(from);
      return move_new(to, from, part_of(from, index));
    case Operation::Kind::duplicate:
      return restore(from, to, part_of(from, index), operation);
    case Operation::Kind::erase:
      return Step::taken_before;
    case Operation::Kind::remove_folder:
      break;
  }
  return make_folder(from, operation.mode);
}

void Steps::clean_up(std::size_t index) const {
  const Operation& operation = plan_.operations[index];
  if (operation.kind != Operation::Kind::move && operation.kind != Operation::Kind::duplicate) return;
  for (const fs::path& target : {plan_.from(operation), plan_.to(operation)}) {
    const fs::path part = part_of(target, index);
    if (is_there(part)) remove_whole(part);
  }
}

fs::path Steps::part_of(const fs::path& target, std::size_t index) const {
  return target.parent_path() / fmt::format("{}-{}-{}", journal_folder, number_, index);
}

}  // namespace flowrun::wsi::collect
