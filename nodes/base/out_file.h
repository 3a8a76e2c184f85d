// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

namespace flowrun::wsi {

/// A file being written. Every write that fails throws Error naming the file and the cause (a full disk).
class OutFile {
 public:
  explicit OutFile(std::filesystem::path path);
  void write(std::span<const std::uint8_t> bytes);
  void write(std::string_view text);
  /// Flushes and closes; without it nothing written is certain.
  void close();

 private:
  [[noreturn]] void fail() const;
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

/// Writes a whole file. Throws Error.
void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes);
void write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace flowrun::wsi
