// SPDX-License-Identifier: Apache-2.0
/// Runs a fuzz target without libFuzzer: first each file of the corpus as it is, then inputs made from them
/// by a seeded mutator.
///
///   fuzz_NAME CORPUS... [--runs N] [--seconds S] [--seed K]
///
/// CORPUS: files, or folders of them. N inputs are made (none, if neither is given), or as many as fit into S
/// seconds; with both it stops at whichever comes first. What is a bug: an exception out of the target, a
/// crash, an input that takes more than a second of processor time (ten with a sanitizer) or, without one, 4
/// GiB of memory. Then the input is written to `fuzz-failure` in the current folder, and the exit code is not
/// 0.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>

#include "mutate.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
// Of the sanitizers' runtime, where there is one: they end the process without a signal.
extern "C" void __sanitizer_set_death_callback(void (*)()) __attribute__((weak));

namespace {

namespace fs = std::filesystem;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
constexpr int most_seconds = sanitized ? 10 : 1;
constexpr std::size_t most_input_bytes = std::size_t{1} << 18;
constexpr const char* failure_file = "fuzz-failure";

const std::string* current = nullptr;

/// Only calls that are allowed in a signal handler.
void save_input() {
  if (!current) return;
  const int file = ::open(failure_file, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file < 0) return;
  for (std::size_t done = 0; done < current->size();) {
    const ::ssize_t written = ::write(file, current->data() + done, current->size() - done);
    if (written <= 0) break;
    done += static_cast<std::size_t>(written);
  }
  ::close(file);
  constexpr std::string_view words = "fuzz: the input is in ./fuzz-failure\n";
  static_cast<void>(!::write(STDERR_FILENO, words.data(), words.size()));
}

extern "C" void on_signal(int signal) {
  if (signal == SIGPROF) {
    constexpr std::string_view words = "fuzz: an input took too long\n";
    static_cast<void>(!::write(STDERR_FILENO, words.data(), words.size()));
  }
  save_input();
  std::signal(signal, SIG_DFL);
  ::raise(signal);
}

void catch_ends() {
  // A stack that overflowed cannot run the handler.
  static std::vector<char> stack(std::size_t{1} << 16);
  stack_t other{};
  other.ss_sp = stack.data();
  other.ss_size = stack.size();
  ::sigaltstack(&other, nullptr);
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  ::sigaction(SIGPROF, &action, nullptr);
  if (__sanitizer_set_death_callback) return __sanitizer_set_death_callback(save_input);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) ::sigaction(signal, &action, nullptr);
}

void limit_memory() {
  if (sanitized) return;  // they map far more than they use
  constexpr ::rlim_t most = ::rlim_t{4} << 30;
  const ::rlimit limit{most, most};
  ::setrlimit(RLIMIT_AS, &limit);
}

void set_timer(int seconds) {
  ::itimerval timer{};
  timer.it_value.tv_sec = seconds;
  ::setitimer(ITIMER_PROF, &timer, nullptr);
}

/// On the heap and exactly as large as the input, so that a sanitizer sees a read past its end.
void run(const std::string& input) {
  current = &input;
  const auto bytes = std::make_unique<std::uint8_t[]>(input.size());
  std::copy(input.begin(), input.end(), bytes.get());
  set_timer(most_seconds);
  LLVMFuzzerTestOneInput(bytes.get(), input.size());
  set_timer(0);
  current = nullptr;
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

struct Arguments {
  std::vector<fs::path> files;
  std::uint64_t runs = 0;
  double seconds = 0;
  std::uint64_t seed = 1;
};

Arguments parse(int argc, char** argv) {
  Arguments out;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (!argument.starts_with("--")) {
      const fs::path place = argument;
      if (!fs::is_directory(place))
        out.files.push_back(place);
      else
        for (const auto& entry : fs::directory_iterator(place)) out.files.push_back(entry.path());
      continue;
    }
    if (i + 1 == argc) throw std::runtime_error("no value after " + std::string(argument));
    const char* value = argv[++i];
    if (argument == "--runs")
      out.runs = std::stoull(value);
    else if (argument == "--seconds")
      out.seconds = std::stod(value);
    else if (argument == "--seed")
      out.seed = std::stoull(value);
    else
      throw std::runtime_error("unknown option " + std::string(argument));
  }
  std::sort(out.files.begin(), out.files.end());
  if (out.files.empty()) throw std::runtime_error("no corpus");
  return out;
}

std::uint64_t run_mutated(const std::vector<std::string>& corpus, const Arguments& arguments) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(arguments.seconds);
  flowrun::fuzz::Mutator mutator(corpus, arguments.seed, most_input_bytes);
  std::uint64_t done = 0;
  const auto enough = [&] {
    if (arguments.seconds > 0 && Clock::now() >= end) return true;
    return arguments.runs > 0 ? done >= arguments.runs : arguments.seconds <= 0;
  };
  for (; !enough(); ++done) run(mutator.next());
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments = parse(argc, argv);
    std::vector<std::string> corpus;
    for (const fs::path& file : arguments.files) corpus.push_back(read_file(file));
    catch_ends();
    limit_memory();
    for (const std::string& input : corpus) run(input);
    std::printf("%zu inputs of the corpus\n", corpus.size());
    const std::uint64_t runs = run_mutated(corpus, arguments);
    std::printf("%llu inputs made from them, seed %llu\n", static_cast<unsigned long long>(runs),
                static_cast<unsigned long long>(arguments.seed));
    return 0;
  } catch (const std::exception& problem) {
    std::fprintf(stderr, "fuzz: %s\n", problem.what());
  } catch (...) {
    std::fprintf(stderr, "fuzz: an exception that is no std::exception\n");
  }
  save_input();
  return 1;
}
