// SPDX-License-Identifier: Apache-2.0
#include "out_file.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace flowrun::wsi {

OutFile::OutFile(std::filesystem::path path)
    : path_(std::move(path)), file_(std::fopen(path_.c_str(), "wbe")) {
  if (!file_) fail();
}

void OutFile::write(std::span<const std::uint8_t> bytes) {
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) != bytes.size()) fail();
}

void OutFile::write(std::string_view text) {
  write(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

void OutFile::close() {
  if (std::fflush(file_.get()) != 0) fail();
  // Its way to the disk begins now, so that there is less to wait for when the scope is flushed. What goes
  // wrong is said then.
  ::sync_file_range(::fileno(file_.get()), 0, 0, SYNC_FILE_RANGE_WRITE);
  if (std::fclose(file_.release()) != 0) fail();
}

void OutFile::fail() const {
  throw Error(fmt::format("cannot write {}: {}", path_.string(), std::generic_category().message(errno)));
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  OutFile file(path);
  file.write(text);
  file.close();
}

void write_file(const std::filesystem::path& path, std::span<const std::uint8_t> bytes) {
  OutFile file(path);
  file.write(bytes);
  file.close();
}

}  // namespace flowrun::wsi
