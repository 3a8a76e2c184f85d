// SPDX-License-Identifier: Apache-2.0
#include "output/lock.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <string>

#include "output/files.h"

namespace flowrun {
namespace {

namespace fs = std::filesystem;

std::string holder_of(const fs::path& file) {
  std::string holder;
  std::getline(std::ifstream(file), holder);
  return holder;
}

std::string refusal(int code, const fs::path& file, const fs::path& folder) {
  switch (code) {
    case EWOULDBLOCK:
      return fmt::format(
          "output folder {} is in use by another flowrun (process {}); wait for it or choose another",
          folder.string(), holder_of(file));
    case ENOSYS:
    case ENOLCK:
    case EOPNOTSUPP:
      return fmt::format(
          "the file system of the output folder {} has no locks ({}), so two runs could write to it at once; "
          "choose a folder on a local disk, or mount it with locks",
          folder.string(), why(code));
    default:
      return fmt::format("cannot lock the output folder {}: {}", folder.string(), why(code));
  }
}

/// The lock is written to: whoever may make files in the folder could have it stand for another one.
std::string not_ours(const fs::path& file) {
  return fmt::format("{} is a link or no plain file, so flowrun does not write to it; remove it",
                     file.string());
}

bool is_file_of_its_own(int descriptor) {
  struct stat facts {};
  return ::fstat(descriptor, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_nlink == 1;
}

int lock_or_error(int descriptor) {
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

}  // namespace

FolderLock::FolderLock(const fs::path& file, const fs::path& folder)
    : descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0 && errno == ELOOP) throw Error(not_ours(file));
  if (descriptor_ < 0)
    throw Error(fmt::format("cannot write to the output folder {}: {}", folder.string(), why(errno)));
  std::string problem;
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (!is_file_of_its_own(descriptor_))
    problem = not_ours(file);
  else if (const int code = lock_or_error(descriptor_); code != 0)
    problem = refusal(code, file, folder);
  else if (::ftruncate(descriptor_, 0) != 0 || ::write(descriptor_, pid.data(), pid.size()) < 0)
    problem = fmt::format("cannot write {}: {}", file.string(), why(errno));
  if (problem.empty()) return;
  ::close(descriptor_);
  throw Error(problem);
}

FolderLock::~FolderLock() {
  ::close(descriptor_);
}

}  // namespace flowrun
