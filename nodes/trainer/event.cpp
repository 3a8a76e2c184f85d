// SPDX-License-Identifier: Apache-2.0
#include "event.h"

#include <bit>

#include "nodes/base/checksum.h"

namespace flowrun::torch_nodes {
namespace {

template <class T>
std::string little_endian(T value) {
  std::string out;
  for (std::size_t i = 0; i < sizeof value; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

enum class Wire { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>((value & 0x7f) | 0x80);
  return out + static_cast<char>(value);
}
std::string tag_of(int field, Wire wire) {
  return varint(static_cast<std::uint64_t>(field << 3 | static_cast<int>(wire)));
}
std::string field(int number, std::string_view bytes) {
  return tag_of(number, Wire::bytes) + varint(bytes.size()) + std::string(bytes);
}

std::string framed(const std::string& event) {
  const auto check = [](std::string_view bytes) {
    const std::uint32_t value = wsi::crc32c(bytes);
    return little_endian(((value >> 15) | (value << 17)) + 0xa282ead8u);
  };
  const std::string length = little_endian(static_cast<std::uint64_t>(event.size()));
  return length + check(length) + event + check(event);
}

}  // namespace

std::string Event::first() {
  return framed(field(3, "brain.Event:2"));
}

Event::Event(double wall_time, std::int64_t step)
    : head_(tag_of(1, Wire::fixed64) + little_endian(std::bit_cast<std::uint64_t>(wall_time)) +
            tag_of(2, Wire::varint) + varint(static_cast<std::uint64_t>(step))) {}

void Event::add(std::string_view tag, float value) {
  summary_ +=
      field(1, field(1, tag) + tag_of(2, Wire::fixed32) + little_endian(std::bit_cast<std::uint32_t>(value)));
}

std::string Event::record() const {
  return framed(head_ + field(5, summary_));
}

}  // namespace flowrun::torch_nodes
