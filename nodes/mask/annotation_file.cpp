// SPDX-License-Identifier: Apache-2.0
#include "annotation_file.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>

#include "annotation_builder.h"

namespace flowrun::wsi {
namespace {

std::string read_bytes(const std::filesystem::path& file) {
  std::error_code problem;
  const auto size = std::filesystem::file_size(file, problem);
  std::ifstream in(file, std::ios::binary);
  if (problem || !in) throw Error(fmt::format("{}: cannot read the annotations", file.string()));
  std::string bytes(size, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(size));
  if (static_cast<std::size_t>(in.gcount()) != size)
    throw Error(fmt::format("{}: only {} of {} bytes could be read", file.string(), in.gcount(), size));
  return bytes;
}

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

/// As UTF-8 without byte order mark. Two-byte text without a mark begins with an ASCII character.
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

AnnotationFile parse(std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) throw Malformed(0, "the file is empty; save the annotations again");
  if (text[first] == '<') return parse_xml(text);
  if (text[first] == '{' || text[first] == '[') return parse_geojson(text);
  throw Malformed(first,
                  fmt::format("the file begins with {}; annotations are XML (ImageScope, ASAP) or GeoJSON "
                              "(QuPath)",
                              in_quotes(std::string_view(text).substr(first, 16))));
}

/// Lines and columns count from 1, columns in bytes of UTF-8.
[[noreturn]] void refuse(const Malformed& problem, const std::filesystem::path& file, std::string_view text) {
  const std::string_view before = text.substr(0, std::min(problem.offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t column = before.size() - (before.find_last_of('\n') + 1) + 1;
  throw Error(fmt::format("{}:{}:{}: {}", file.string(), line, column, problem.what()));
}

/// What a class mask of GeoJSON takes at most. A list that does not begin with a list may be a point; others
/// may be a ring or what holds rings.
std::size_t json_mask_bytes(std::istream& in) {
  constexpr std::size_t of_point = 19, of_ring = 112;  // with their shares of the index
  std::size_t lists = 0, rings = 0;
  bool begun = false;
  std::vector<char> part(std::size_t{1} << 16);
  do {
    in.read(part.data(), static_cast<std::streamsize>(part.size()));
    for (const char c : std::string_view(part.data(), static_cast<std::size_t>(in.gcount()))) {
      const bool begins = c == '[';
      lists += begins;
      rings += begins && begun;
      // Text of two bytes has zeros between its characters.
      begun = begins || (begun && (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0'));
    }
  } while (in);
  return (lists - rings) * of_point + rings * of_ring;
}

}  // namespace

AnnotationFile read_annotations(const std::filesystem::path& file) {
  std::string text = to_utf8(read_bytes(file));
  try {
    return parse(text);
  } catch (const Malformed& problem) {
    // XML is parsed in place, which leaves nothing to count lines in.
    text = std::string();
    refuse(problem, file, to_utf8(read_bytes(file)));
  }
}

AnnotationFile parse_annotations(std::string bytes, const std::filesystem::path& file) {
  const std::string text = to_utf8(std::move(bytes));
  std::string worked_on = text;
  try {
    return parse(worked_on);
  } catch (const Malformed& problem) {
    refuse(problem, file, text);
  }
}

AnnotationBytes annotation_bytes(const std::filesystem::path& file) {
  // Peaks measured on files of 200 MB, per byte of the file: ImageScope XML as it is saved 5.3, with nothing
  // but coordinates of one digit 8.6 (the tree of elements, and points); GeoJSON 1.8 and 3.7 (only points).
  // Of XML the mask takes up to 2.7: 266 bytes of the 100 that a region of three points has at least.
  constexpr std::size_t of_xml = 10, of_xml_mask = 3, of_json = 4;
  constexpr std::size_t least = std::size_t{1} << 16;
  std::error_code problem;
  const auto bytes = std::filesystem::file_size(file, problem);
  if (problem) return {least, 0};
  std::ifstream in(file, std::ios::binary);
  std::string head(64, '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  if (head.find('<') != std::string::npos)
    return {bytes * of_xml_mask + least, bytes * (of_xml - of_xml_mask)};
  in.clear();
  in.seekg(0);
  const std::size_t mask = json_mask_bytes(in);
  return {mask + least, std::max(bytes * of_json, mask + bytes) - mask};
}

}  // namespace flowrun::wsi
