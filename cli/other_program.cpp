// SPDX-License-Identifier: Apache-2.0
#include "other_program.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace flowrun::cli {
namespace {

/// A file in memory: with one at both ends neither side waits for the other.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("flowrun", MFD_CLOEXEC)) {
    if (descriptor_ < 0) throw Error(fmt::format("no temporary file can be made: {}", std::strerror(errno)));
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  int descriptor() const { return descriptor_; }

  void fill(const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
      const ::ssize_t written =
          ::pwrite(descriptor_, text.data() + done, text.size() - done, static_cast<::off_t>(done));
      if (written < 0)
        throw Error(fmt::format("a temporary file cannot be written: {}", std::strerror(errno)));
      done += static_cast<std::size_t>(written);
    }
  }
  std::string content() const {
    std::string text(static_cast<std::size_t>(std::max<::off_t>(0, ::lseek(descriptor_, 0, SEEK_END))), '\0');
    if (::pread(descriptor_, text.data(), text.size(), 0) != static_cast<::ssize_t>(text.size()))
      throw Error(fmt::format("a temporary file cannot be read: {}", std::strerror(errno)));
    return text;
  }

 private:
  int descriptor_;
};

}  // namespace

std::optional<OtherProgram> run_other(std::vector<std::string> words, const std::string& input) {
  MemoryFile in;
  const MemoryFile out;
  in.fill(input);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.descriptor(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.descriptor(), STDOUT_FILENO);
  ::pid_t child = 0;
  const int problem = ::posix_spawnp(&child, arguments.front(), &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (problem == ENOENT) return {};
  if (problem != 0) throw Error(fmt::format("{} cannot be run: {}", words.front(), std::strerror(problem)));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return OtherProgram{WIFEXITED(status) && WEXITSTATUS(status) == 0, out.content()};
}

}  // namespace flowrun::cli
