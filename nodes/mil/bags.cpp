// SPDX-License-Identifier: Apache-2.0
#include "bags.h"

#include <algorithm>
#include <set>

#include "nodes/base/random.h"

namespace flowrun::torch_nodes {

std::size_t BagSet::count(std::size_t fold, Role role) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(bags, [&](const Bag& bag) { return bag.roles[fold] == role; }));
}

std::vector<std::uint64_t> BagSet::class_counts(std::size_t fold) const {
  std::vector<std::uint64_t> counts(classes.size());
  for (const Bag& bag : bags)
    if (!classes.empty() && bag.roles[fold] == Role::train) ++counts[bag.label];
  return counts;
}

std::size_t BagSet::bytes() const {
  std::size_t bytes = target_values.size() * sizeof(float);
  for (const Bag& bag : bags)
    bytes += sizeof(Bag) + 2 * (bag.slide.size() + bag.patient.size() + bag.file.native().size()) +
             bag.roles.size();
  return bytes;
}

std::optional<std::vector<std::uint64_t>> BagSet::drawn_tiles(const Bag& bag, std::uint64_t epoch) const {
  if (!max_tiles || bag.tiles <= *max_tiles) return {};
  wsi::Random random(wsi::mix(seed, bag.slide), epoch);
  std::set<std::uint64_t> drawn;  // Floyd's way (Bentley and Floyd 1987)
  for (std::uint64_t last = bag.tiles - *max_tiles; last < bag.tiles; ++last) {
    const std::uint64_t tile = random.below(last + 1);
    drawn.insert(drawn.contains(tile) ? last : tile);
  }
  return std::vector<std::uint64_t>(drawn.begin(), drawn.end());
}

}  // namespace flowrun::torch_nodes
