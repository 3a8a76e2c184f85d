// SPDX-License-Identifier: Apache-2.0
#include "output/files.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace flowrun {
namespace {

namespace fs = std::filesystem;

/// Closes what it holds.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return number_; }

 private:
  int number_;
};

bool write_all(int descriptor, const std::string& content) {
  for (std::size_t done = 0; done < content.size();) {
    const auto n = ::write(descriptor, content.data() + done, content.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

/// The number of what went wrong, 0 when all went well.
int try_to_write(const fs::path& file, const std::string& content, bool sync) {
  const Descriptor out(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666));
  const bool good = out >= 0 && write_all(out, content) && (!sync || ::fsync(out) == 0);
  return good ? 0 : errno;
}

[[noreturn]] void throw_unwritten(const fs::path& file, int code) {
  throw Error(fmt::format("cannot write {}: {}", file.string(), why(code)));
}

}  // namespace

std::string why(int code) {
  return std::generic_category().message(code);
}

void write_whole(const fs::path& file, const std::string& content) {
  fs::path temporary = file;
  temporary += ".tmp";
  if (const int code = try_to_write(temporary, content, true); code != 0) {
    ::unlink(temporary.c_str());
    throw_unwritten(file, code);
  }
  rename_or_throw(temporary, file);
}

void write_unsynced(const fs::path& file, const std::string& content) {
  if (const int code = try_to_write(file, content, false); code != 0) throw_unwritten(file, code);
}

void sync_file_system(int descriptor, const fs::path& folder) {
  if (::syncfs(descriptor) == 0) return;
  throw Error(fmt::format("cannot write {} to its disk: {}", folder.string(), why(errno)));
}

void sync_folder(const fs::path& folder) {
  const Descriptor open_folder(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (open_folder < 0 || ::fsync(open_folder) != 0)
    throw Error(fmt::format("cannot write {} to its disk: {}", folder.string(), why(errno)));
}

std::optional<std::string> read_text(const fs::path& file) {
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (in < 0 && (errno == ENOENT || errno == ENOTDIR)) return {};
  std::string text;
  char bytes[8192];
  while (in >= 0) {
    const auto n = ::read(in, bytes, sizeof(bytes));
    if (n == 0) return text;
    if (n > 0)
      text.append(bytes, static_cast<std::size_t>(n));
    else if (errno != EINTR)
      break;
  }
  throw Error(fmt::format("cannot read {}: {}", file.string(), why(errno)));
}

bool stands(const fs::path& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

void rename_or_throw(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return;
  throw Error(fmt::format("cannot rename {} to {}: {}", from.string(), to.string(), why(errno)));
}

void remove_or_throw(const fs::path& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT || errno == ENOTDIR) return;
  std::error_code problem;
  fs::remove_all(path, problem);
  if (problem) throw Error(fmt::format("cannot remove {}: {}", path.string(), problem.message()));
}

void create_or_throw(const fs::path& folder) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem)
    throw Error(fmt::format("cannot create the folder {}: {}", folder.string(), problem.message()));
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code problem;
  for (fs::directory_iterator at(folder, problem); !problem && at != fs::directory_iterator();
       at.increment(problem))
    names.push_back(at->path().filename().string());
  if (problem) throw Error(fmt::format("cannot look into {}: {}", folder.string(), problem.message()));
  return names;
}

}  // namespace flowrun
