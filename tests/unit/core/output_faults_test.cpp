// SPDX-License-Identifier: Apache-2.0
#include "output_faults.h"

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

namespace flowrun::test {
namespace {

std::function<int(const FileCall&)> answer;  // one test at a time

/// Calls what libc has of that name, unless the test says otherwise.
template <class Function, class... Args>
auto instead_of(Function*, const char* name, const char* path, Args... args) {
  using Result = decltype(std::declval<Function*>()(args...));
  const int said = answer ? answer({name, path ? path : ""}) : 0;
  if (said == pretend) return Result{0};
  if (said != 0) {
    errno = said;
    return Result{-1};
  }
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name))(args...);
}

}  // namespace

FileCalls::FileCalls(std::function<int(const FileCall&)> to_ask) {
  answer = std::move(to_ask);
}

FileCalls::~FileCalls() {
  answer = nullptr;
}

bool killed_at(int k, const std::function<void(const std::function<void()>&)>& f) {
  const pid_t child = ::fork();
  if (child == 0) {
    int left = -1;
    const FileCalls calls([&](const FileCall& call) {
      if (left >= 0 && left-- == 0) ::_exit(77);
      return call.name == "syncfs" || call.name == "fsync" ? pretend : 0;
    });
    try {
      f([&] { left = k; });
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) != 1);
  return WEXITSTATUS(status) == 77;
}

}  // namespace flowrun::test

// The program's own functions are found before those of libc, also by the libraries that it uses.
#define FLOWRUN_INSTEAD(name, path, ...) \
  flowrun::test::instead_of(static_cast<decltype(::name)*>(nullptr), #name, path, __VA_ARGS__)

extern "C" {

int rename(const char* from, const char* to) noexcept {
  return FLOWRUN_INSTEAD(rename, to, from, to);
}
int unlink(const char* path) noexcept {
  return FLOWRUN_INSTEAD(unlink, path, path);
}
int unlinkat(int folder, const char* path, int how) noexcept {
  return FLOWRUN_INSTEAD(unlinkat, path, folder, path, how);
}
int mkdir(const char* path, mode_t mode) noexcept {
  return FLOWRUN_INSTEAD(mkdir, path, path, mode);
}
int syncfs(int file) noexcept {
  return FLOWRUN_INSTEAD(syncfs, nullptr, file);
}
int fsync(int file) {
  return FLOWRUN_INSTEAD(fsync, nullptr, file);
}
int link(const char* from, const char* to) noexcept {
  return FLOWRUN_INSTEAD(link, to, from, to);
}
ssize_t write(int file, const void* bytes, size_t size) {
  return FLOWRUN_INSTEAD(write, nullptr, file, bytes, size);
}
}
