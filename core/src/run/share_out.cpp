// SPDX-License-Identifier: Apache-2.0
#include "run/share_out.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <queue>
#include <tuple>
#include <vector>

namespace flowrun {

std::set<std::string> share_out(const BytesByName& all, const Part& part) {
  using Load = std::tuple<std::uint64_t, std::size_t, int>;  // bytes, names, the part's number
  std::priority_queue<Load, std::vector<Load>, std::greater<>> loads;
  for (int number = 1; number <= part.count; ++number) loads.push({0, 0, number});
  std::vector<const BytesByName::value_type*> order;
  for (const auto& each : all) order.push_back(&each);
  std::stable_sort(order.begin(), order.end(), [](auto* a, auto* b) { return a->second > b->second; });
  std::set<std::string> own;
  for (const auto* each : order) {
    const auto [bytes, names, number] = loads.top();
    loads.pop();
    loads.push({bytes + each->second, names + 1, number});
    if (number == part.number) own.insert(each->first);
  }
  return own;
}

std::string digest_of(const BytesByName& all) {
  std::uint64_t digest = 0xcbf29ce484222325;  // FNV-1a: std::hash may differ from machine to machine
  for (const auto& [name, bytes] : all)
    for (const unsigned char c : fmt::format("{}\n{}\n", name, bytes)) digest = (digest ^ c) * 0x100000001b3;
  return fmt::format("{} {:016x}", all.size(), digest);
}

}  // namespace flowrun
