// SPDX-License-Identifier: Apache-2.0
#include "bags.h"

#include <algorithm>
#include <numeric>

#include "nodes/base/random.h"

namespace flowrun::torch_nodes {

std::string_view name_of(Role role) {
  switch (role) {
    case Role::train:
      return "train";
    case Role::validation:
      return "val";
    case Role::test:
      return "test";
    case Role::none:
      break;
  }
  return "none";
}

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
  std::vector<std::uint64_t> all(bag.tiles);
  std::iota(all.begin(), all.end(), std::uint64_t{0});
  wsi::Random random(wsi::mix(seed, bag.slide), epoch);
  for (std::size_t i = 0; i < *max_tiles; ++i) std::swap(all[i], all[i + random.below(all.size() - i)]);
  all.resize(*max_tiles);
  std::ranges::sort(all);
  return all;
}

}  // namespace flowrun::torch_nodes
