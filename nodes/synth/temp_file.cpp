// SPDX-License-Identifier: Apache-2.0
#include "temp_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace flowrun::wsi::synth {
namespace {

[[noreturn]] void fail(const std::filesystem::path& target, int error) {
  throw std::runtime_error(
      fmt::format("{}: cannot write: {}", target.string(), std::generic_category().message(error)));
}

/// Independent of the target's name, which may already be as long as names can be.
std::filesystem::path temporary_name(const std::filesystem::path& target) {
  static std::atomic<unsigned> next{0};
  return target.parent_path() / fmt::format(".synth-{}-{}.part", ::getpid(), next++);
}

}  // namespace

TempFile::TempFile(std::filesystem::path target) : target_(std::move(target)) {
  std::error_code problem;
  if (target_.filename().empty() || std::filesystem::is_directory(target_, problem)) fail(target_, EISDIR);
  problem.clear();
  if (target_.has_parent_path()) std::filesystem::create_directories(target_.parent_path(), problem);
  if (problem) fail(target_, problem.value());
  do {
    temporary_ = temporary_name(target_);
    descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) fail(target_, errno);
}

TempFile::~TempFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void TempFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(target_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void TempFile::close() {
  const int result = ::close(std::exchange(descriptor_, -1));
  if (result != 0) fail(target_, errno);
}

void TempFile::commit() {
  close();
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) fail(target_, errno);
  temporary_.clear();
}

}  // namespace flowrun::wsi::synth
