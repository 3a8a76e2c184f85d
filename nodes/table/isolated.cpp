// SPDX-License-Identifier: Apache-2.0
#include "isolated.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <system_error>

#include "h5_library.h"

namespace flowrun::wsi {
namespace {

enum class Kind : std::uint32_t { message, error, end };

struct Head {
  Kind kind = Kind::end;
  std::uint32_t bytes = 0;
};

constexpr std::size_t most_message_bytes = std::size_t{1} << 20;

/// False when the other side is gone.
bool write_all(int to, const void* data, std::size_t bytes) {
  for (const char* at = static_cast<const char*>(data); bytes > 0;) {
    const ::ssize_t done = ::write(to, at, bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    at += done;
    bytes -= static_cast<std::size_t>(done);
  }
  return true;
}

bool read_all(int from, void* data, std::size_t bytes) {
  for (char* at = static_cast<char*>(data); bytes > 0;) {
    const ::ssize_t done = ::read(from, at, bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return false;
    at += done;
    bytes -= static_cast<std::size_t>(done);
  }
  return true;
}

void send(int to, Kind kind, std::string_view text) {
  text = text.substr(0, most_message_bytes);
  const Head head{kind, static_cast<std::uint32_t>(text.size())};
  if (!write_all(to, &head, sizeof head) || !write_all(to, text.data(), text.size())) ::_exit(0);
}

/// A crash is no business of the user's: no handlers of ours, no words on the terminal, no core file.
void prepare_for_crashes() {
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGPROF, SIGPIPE, SIGTERM})
    ::signal(signal, SIG_DFL);
  ::signal(SIGINT, SIG_IGN);  // the parent decides
  if (const int nowhere = ::open("/dev/null", O_WRONLY); nowhere >= 0) ::dup2(nowhere, STDERR_FILENO);
  const ::rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

void limit_memory() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they map far more than they use
  std::array<char, 32> text{};
  const int file = ::open("/proc/self/statm", O_RDONLY);
  if (file < 0) return;
  const ::ssize_t size = ::read(file, text.data(), text.size() - 1);
  ::close(file);
  const auto pages = size > 0 ? std::strtoull(text.data(), nullptr, 10) : 0;
  if (pages == 0) return;
  const ::rlim_t most = pages * static_cast<::rlim_t>(::sysconf(_SC_PAGESIZE)) + Isolated::most_bytes;
  ::rlimit limit{};
  ::getrlimit(RLIMIT_AS, &limit);
  limit.rlim_cur = std::min(limit.rlim_cur, most);
  ::setrlimit(RLIMIT_AS, &limit);
#endif
}

void limit_time() {
  ::itimerval timer{};
  timer.it_value.tv_sec = Isolated::most_seconds;
  ::setitimer(ITIMER_PROF, &timer, nullptr);
}

[[noreturn]] void run_copy(int to, const std::function<void(const Isolated::Send&)>& function) {
  prepare_for_crashes();
  limit_memory();
  limit_time();
  try {
    function([to](std::string_view message) {
      send(to, Kind::message, message);
      limit_time();
    });
    send(to, Kind::end, {});
  } catch (const Error& error) {
    send(to, Kind::error, error.what());
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

}  // namespace

Isolated::Isolated(const std::function<void(const Send&)>& function) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0)
    throw Error(fmt::format("cannot open a pipe: {}", std::generic_category().message(errno)));
  const ::pid_t parent = ::getpid();
  {
    const std::scoped_lock nobody_is_in_hdf5(h5_mutex());
    process_ = ::fork();
  }
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(0);
    run_copy(ends[1], function);
  }
  const int problem = errno;
  ::close(ends[1]);
  pipe_ = ends[0];
  if (process_ < 0) {
    ::close(pipe_);
    throw Error(fmt::format("cannot start a process: {}", std::generic_category().message(problem)));
  }
}

Isolated::~Isolated() {
  ::close(pipe_);
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<std::string> Isolated::receive() {
  Head head;
  if (!read_all(pipe_, &head, sizeof head) || head.bytes > most_message_bytes) broke_off();
  std::string text(head.bytes, '\0');
  if (!read_all(pipe_, text.data(), text.size())) broke_off();
  if (head.kind == Kind::error) throw Error(text);
  if (head.kind == Kind::end) return {};
  return text;
}

void Isolated::broke_off() {
  int status = 0;
  while (::waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF)
    throw Error(fmt::format("it did not come to an end in {} seconds", most_seconds));
  if (WIFSIGNALED(status)) throw Error(fmt::format("it crashed ({})", ::strsignal(WTERMSIG(status))));
  throw Error("it broke off");
}

}  // namespace flowrun::wsi
