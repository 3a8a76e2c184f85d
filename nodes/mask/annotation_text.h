// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>

namespace flowrun::wsi {

/// A file's bytes from its begin on, of one compressed by gzip (RFC 1952) those that it was made of. Not
/// thread-safe.
class FileBytes {
 public:
  /// Throws Error when it cannot be opened.
  explicit FileBytes(const std::filesystem::path& file);
  /// Reads so many, fewer only at the end. Throws Error when that fails, or the compressed data is damaged.
  std::size_t read(char* to, std::size_t count);

 private:
  struct Close {
    void operator()(gzFile_s* file) const { gzclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<gzFile_s, Close> file_;
};

/// The whole file as UTF-8 without byte order mark, where it is text. Counts its bytes before it takes memory
/// for them. Throws Error.
std::string read_text(const std::filesystem::path& file);
/// The same of bytes that are there.
std::string to_utf8(std::string bytes);

/// The bytes that a class mask of the annotations in a file takes at most, and those that reading it takes
/// besides. Reads the file in parts. Throws Error.
struct AnnotationBytes {
  std::size_t mask, reading;
};
AnnotationBytes annotation_bytes(const std::filesystem::path& file);

}  // namespace flowrun::wsi
