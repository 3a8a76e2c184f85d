// SPDX-License-Identifier: Apache-2.0
#include "zip_reader.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "nodes/base/checksum.h"

namespace flowrun::torch_nodes {
namespace {

using namespace std::string_view_literals;

// Bytes of the records, without names and comments.
constexpr std::size_t header_bytes = 30, entry_bytes = 46, end_bytes = 22, locator_bytes = 20,
                      long_end_bytes = 56;
constexpr std::size_t most_comment_bytes = 65535;

[[noreturn]] void fail() {
  throw Error("its ZIP directory is damaged");
}

/// Little-endian, of a place that is there.
template <class T>
T number(std::string_view bytes, std::size_t at) {
  T out;
  std::memcpy(&out, bytes.substr(at, sizeof out).data(), sizeof out);
  return out;
}

/// The numbers of 8 bytes in an entry's extra field of kind 1, which stand for those that do not fit into 4.
std::string_view long_numbers(std::string_view extra) {
  while (extra.size() >= 4) {
    const std::size_t length = number<std::uint16_t>(extra, 2);
    if (extra.size() < 4 + length) break;
    if (number<std::uint16_t>(extra, 0) == 1) return extra.substr(4, length);
    extra.remove_prefix(4 + length);
  }
  return {};
}

}  // namespace

ZipReader::ZipReader(const std::filesystem::path& file)
    : in_(file, std::ios::binary), size_(std::filesystem::file_size(file)) {
  const std::string bytes = directory();
  std::uint64_t together = 0;
  for (std::string_view left = bytes; left.starts_with("PK\1\2"sv);) {
    together += add_entry(left);
    if (together > size_) throw Error("its entries are larger than the file");
  }
}

std::string ZipReader::bytes_at(std::uint64_t at, std::uint64_t count) {
  if (at > size_ || count > size_ - at) fail();
  std::string out(count, '\0');
  in_.seekg(static_cast<std::streamoff>(at));
  if (!in_.read(out.data(), static_cast<std::streamsize>(count))) throw Error("it cannot be read");
  return out;
}

std::string ZipReader::directory() {
  const std::uint64_t tail_bytes = std::min<std::uint64_t>(size_, end_bytes + most_comment_bytes);
  const std::string tail = bytes_at(size_ - tail_bytes, tail_bytes);
  const std::size_t found =
      tail_bytes < end_bytes ? tail.npos : tail.rfind("PK\5\6"sv, tail_bytes - end_bytes);
  if (found == tail.npos) throw Error("it has no ZIP directory");
  const std::uint64_t end = size_ - tail_bytes + found;
  if (end >= locator_bytes) {  // of the record that archives beyond 4 GB have
    const std::string locator = bytes_at(end - locator_bytes, locator_bytes);
    if (locator.starts_with("PK\6\7"sv)) {
      const std::string record = bytes_at(number<std::uint64_t>(locator, 8), long_end_bytes);
      if (!record.starts_with("PK\6\6"sv)) fail();
      return bytes_at(number<std::uint64_t>(record, 48), number<std::uint64_t>(record, 40));
    }
  }
  return bytes_at(number<std::uint32_t>(tail, found + 16), number<std::uint32_t>(tail, found + 12));
}

std::uint64_t ZipReader::add_entry(std::string_view& directory) {
  if (directory.size() < entry_bytes) fail();
  const std::size_t name_bytes = number<std::uint16_t>(directory, 28),
                    extra_bytes = number<std::uint16_t>(directory, 30),
                    all = entry_bytes + name_bytes + extra_bytes + number<std::uint16_t>(directory, 32);
  if (directory.size() < all) fail();
  std::string_view longs = long_numbers(directory.substr(entry_bytes + name_bytes, extra_bytes));
  const auto value = [&](std::size_t at) -> std::uint64_t {
    const auto in_entry = number<std::uint32_t>(directory, at);
    if (in_entry != 0xffffffff || longs.size() < 8) return in_entry;
    const auto in_extra = number<std::uint64_t>(longs, 0);
    longs.remove_prefix(8);
    return in_extra;
  };
  const std::uint64_t bytes = value(24), stored = value(20), header = value(42);  // in the order of the field
  std::string_view name = directory.substr(entry_bytes, name_bytes);
  // TorchScript's code is; weights never are.
  const bool compressed = number<std::uint16_t>(directory, 10) != 0;
  if (stored > size_ || (!compressed && bytes != stored)) throw Error("its entries are larger than the file");
  name.remove_prefix(std::min(name.size(), name.find('/') + 1));
  entries_[std::string(name)] = {header, bytes, number<std::uint32_t>(directory, 16), compressed};
  directory.remove_prefix(all);
  return stored;
}

const ZipReader::Entry& ZipReader::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) throw Error(fmt::format("it has no entry {}", name));
  if (found->second.compressed) throw Error(fmt::format("its entry {} is compressed", name));
  return found->second;
}

std::uint64_t ZipReader::place(const std::string& name) {
  const Entry& found = entry(name);
  const std::string header = bytes_at(found.header, header_bytes);
  const std::uint64_t begin =
      found.header + header_bytes + number<std::uint16_t>(header, 26) + number<std::uint16_t>(header, 28);
  if (!header.starts_with("PK\3\4"sv) || begin > size_ || found.bytes > size_ - begin) fail();
  return begin;
}

void ZipReader::read(const std::string& name, char* to) {
  const Entry& found = entry(name);
  in_.seekg(static_cast<std::streamoff>(place(name)));
  if (!in_.read(to, static_cast<std::streamsize>(found.bytes))) throw Error("it cannot be read");
  if (wsi::crc32({to, found.bytes}) != found.crc)
    throw Error(
        fmt::format("its entry {} is damaged: it has another check sum than the directory says (torch writes "
                    "wrong ones after "
                    "torch.serialization.set_crc32_options(False))",
                    name));
}

}  // namespace flowrun::torch_nodes
