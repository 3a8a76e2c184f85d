// SPDX-License-Identifier: Apache-2.0
#include "copy.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include "content.h"
#include "descriptor.h"
#include "nodes/table/slide_list.h"

namespace flowrun::wsi::collect {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t copied_bytes = std::size_t{1} << 20;

/// Access control lists among them. A file system that has none is no reason to fail.
void copy_attributes(int from, int to) {
  std::array<char, 4096> names{}, value{};
  const ssize_t size = ::flistxattr(from, names.data(), names.size());
  for (ssize_t at = 0; at < size;) {
    const std::string name(names.data() + at);
    at += static_cast<ssize_t>(name.size()) + 1;
    const ssize_t bytes = ::fgetxattr(from, name.c_str(), value.data(), value.size());
    if (bytes >= 0) (void)::fsetxattr(to, name.c_str(), value.data(), static_cast<std::size_t>(bytes), 0);
  }
}

/// Owner first: changing it takes set-user-id bits away.
void copy_facts(const struct stat& facts, int from, int to, const fs::path& path) {
  (void)!::fchown(to, facts.st_uid, facts.st_gid);
  copy_attributes(from, to);
  if (::fchmod(to, facts.st_mode & 07777) != 0) fail("set the permissions of", path, errno);
  const timespec times[] = {facts.st_atim, facts.st_mtim};
  if (::futimens(to, times) != 0) fail("set the time of", path, errno);
}

void copy_file(const struct stat& facts, const fs::path& from, const fs::path& to) {
  const Descriptor in(from, O_RDONLY | O_NOFOLLOW);
  const Descriptor out(to, O_WRONLY | O_CREAT | O_EXCL, 0600);
  const auto buffer = std::make_unique_for_overwrite<char[]>(copied_bytes);
  for (std::size_t size = copied_bytes; size == copied_bytes;) {
    size = in.read(buffer.get(), copied_bytes);
    out.write({buffer.get(), size});
  }
  copy_facts(facts, in.get(), out.get(), to);
  out.sync();
  // What is compared afterwards then comes from the disk.
  ::posix_fadvise(out.get(), 0, 0, POSIX_FADV_DONTNEED);
}

void copy_entry(const fs::path& from, const fs::path& to) {
  struct stat facts {};
  if (::lstat(from.c_str(), &facts) != 0) fail("read", from, errno);
  if (S_ISREG(facts.st_mode)) return copy_file(facts, from, to);
  if (S_ISLNK(facts.st_mode)) return fs::create_symlink(fs::read_symlink(from), to);
  if (!S_ISDIR(facts.st_mode))
    throw Error(
        fmt::format("{} is neither a file nor a folder: it cannot be copied", printable(from.string())));
  const Descriptor in(from, O_RDONLY | O_DIRECTORY);
  if (::mkdir(to.c_str(), 0700) != 0) fail("write", to, errno);
  for (const auto& entry : fs::directory_iterator(from))
    copy_entry(entry.path(), to / entry.path().filename());
  const Descriptor out(to, O_RDONLY | O_DIRECTORY);
  copy_facts(facts, in.get(), out.get(), to);
  out.sync();
}

}  // namespace

void copy_verified(const fs::path& from, const fs::path& to) {
  try {
    copy_entry(from, to);
    if (!same_content(from, to))
      throw Error(fmt::format("{} does not read back as it was written, or {} changes while it is copied",
                              printable(to.string()), printable(from.string())));
  } catch (const fs::filesystem_error& problem) {
    remove_whole(to);
    fail("copy", from, problem.code().value());
  } catch (...) {
    remove_whole(to);
    throw;
  }
}

void remove_whole(const fs::path& path) {
  std::error_code problem;
  fs::remove_all(path, problem);
  if (problem) fail("remove", path, problem.value());
}

void sync_folder(const fs::path& folder) {
  Descriptor(folder, O_RDONLY | O_DIRECTORY).sync();
}

}  // namespace flowrun::wsi::collect
