// SPDX-License-Identifier: Apache-2.0
#include "descriptor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "nodes/table/slide_list.h"

namespace flowrun::wsi::collect {

void fail(const char* what, const std::filesystem::path& path, int code) {
  const std::string message =
      fmt::format("cannot {} {}: {}", what, printable(path.string()), std::generic_category().message(code));
  if (code == ENOSPC || code == EDQUOT) throw DiskFull(message);
  throw Error(message);
}

Descriptor::Descriptor(std::filesystem::path path, int flags, unsigned mode)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), flags | O_CLOEXEC, mode)) {
  if (descriptor_ < 0) fail((flags & O_ACCMODE) == O_RDONLY ? "read" : "write", path_, errno);
}

Descriptor::~Descriptor() {
  ::close(descriptor_);
}

std::size_t Descriptor::read(char* bytes, std::size_t size) const {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(descriptor_, bytes + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("read", path_, errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

void Descriptor::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor_, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("write", path_, errno);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void Descriptor::sync() const {
  if (::fsync(descriptor_) != 0) fail("write", path_, errno);
}

}  // namespace flowrun::wsi::collect
