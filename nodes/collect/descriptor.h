// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/error.h>

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace flowrun::wsi::collect {

/// There is no room where something is to be written: going on with the next file is of no use.
class DiskFull : public Error {
 public:
  using Error::Error;
};

/// Throws Error (DiskFull when there is no room) that says "cannot `what` PATH: reason".
[[noreturn]] void fail(const char* what, const std::filesystem::path& path, int code);

/// An open file or folder. What fails throws as fail() does.
class Descriptor {
 public:
  /// `flags` and `mode` as open(2) takes them; O_CLOEXEC is added.
  Descriptor(std::filesystem::path path, int flags, unsigned mode = 0);
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return descriptor_; }
  /// Reads up to `size` bytes, fewer only at the end of the file.
  std::size_t read(char* bytes, std::size_t size) const;
  void write(std::string_view bytes) const;
  /// Returns when it is on the disk.
  void sync() const;

 private:
  std::filesystem::path path_;
  int descriptor_;
};

}  // namespace flowrun::wsi::collect
