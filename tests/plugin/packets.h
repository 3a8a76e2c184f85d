// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace flowrun::test {

struct Box {
  static constexpr std::string_view packet_type = "test.box/1";
  int number = 0;
};

struct Item {
  static constexpr std::string_view packet_type = "test.item/1";
  std::uint64_t value = 0;
  std::vector<char> bytes;
};

struct Items {
  static constexpr std::string_view packet_type = "test.items/1";
  std::vector<std::shared_ptr<const Item>> all;
};

}  // namespace flowrun::test
