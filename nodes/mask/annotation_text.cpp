// SPDX-License-Identifier: Apache-2.0
#include "annotation_text.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace flowrun::wsi {
namespace {

constexpr std::size_t part_bytes = std::size_t{1} << 16;

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) return put(c);
  if (c < 0x800) return put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
  if (c < 0x10000) return put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
  put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
}

/// Halves of characters beyond 16 bits that lack the other one become U+FFFD.
std::string from_utf16(std::string_view bytes, bool big_endian) {
  const auto unit = [&](std::size_t i) {
    const auto byte = [&](std::size_t at) { return std::uint32_t{static_cast<unsigned char>(bytes[at])}; };
    return i + 2 > bytes.size() ? 0U : big_endian ? byte(i) << 8 | byte(i + 1) : byte(i + 1) << 8 | byte(i);
  };
  std::string out;
  out.reserve(bytes.size() / 2);
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) {
    const std::uint32_t first = unit(i), second = unit(i + 2);
    if (first >= 0xd800 && first < 0xdc00 && second >= 0xdc00 && second < 0xe000) {
      append_utf8(out, 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
      i += 2;
    } else {
      append_utf8(out, first >= 0xd800 && first < 0xe000 ? 0xfffd : first);
    }
  }
  return out;
}

}  // namespace

FileBytes::FileBytes(const std::filesystem::path& file) : path_(file), file_(gzopen(file.c_str(), "rb")) {
  std::error_code problem;
  if (!file_ || !std::filesystem::is_regular_file(file, problem))
    throw Error(fmt::format("{}: cannot read the annotations", file.string()));
  gzbuffer(file_.get(), part_bytes);
}

std::size_t FileBytes::read(char* to, std::size_t count) {
  std::size_t done = 0;
  while (done < count) {
    const int came =
        gzread(file_.get(), to + done, static_cast<unsigned>(std::min(count - done, part_bytes)));
    int problem = Z_OK;
    const char* const words = gzerror(file_.get(), &problem);
    // A file that ends too early gives what there is first.
    if (came < 0 || problem == Z_BUF_ERROR)
      throw Error(fmt::format("{}: cannot read the annotations: {}; save them again", path_.string(), words));
    if (came == 0) break;
    done += static_cast<std::size_t>(came);
  }
  return done;
}

std::string read_text(const std::filesystem::path& file) {
  std::size_t size = 0;
  std::vector<char> part(part_bytes);
  for (FileBytes in(file); const std::size_t came = in.read(part.data(), part.size());) size += came;
  std::string bytes(size, '\0');
  FileBytes in(file);
  if (in.read(bytes.data(), size) != size)
    throw Error(fmt::format("{}: changed while it was read; run again", file.string()));
  return to_utf8(std::move(bytes));
}

/// Two-byte text without a mark begins with an ASCII character.
std::string to_utf8(std::string bytes) {
  using namespace std::string_view_literals;
  const std::string_view all = bytes;
  if (all.starts_with("\xff\xfe"sv)) return from_utf16(all.substr(2), false);
  if (all.starts_with("\xfe\xff"sv)) return from_utf16(all.substr(2), true);
  if (all.size() > 1 && all[0] != 0 && all[1] == 0) return from_utf16(all, false);
  if (all.size() > 1 && all[0] == 0 && all[1] != 0) return from_utf16(all, true);
  if (all.starts_with("\xef\xbb\xbf"sv)) bytes.erase(0, 3);
  return bytes;
}

}  // namespace flowrun::wsi
