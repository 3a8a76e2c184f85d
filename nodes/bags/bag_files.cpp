// SPDX-License-Identifier: Apache-2.0
#include "bag_files.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "nodes/base/random.h"
#include "nodes/mil/feature_reader.h"
#include "nodes/slide/slide_files.h"

namespace flowrun::torch_nodes {

std::uint64_t read_facts(std::vector<LabelledBag>& bags, std::vector<std::string>& left_out) {
  std::map<std::string, std::string> why;  // by slide
  std::map<std::string, std::uint64_t> dimensions;
  std::map<std::uint64_t, std::size_t> bags_with;
  for (auto& [bag, label] : bags) try {
      const wsi::FeatureFacts facts = FeatureReader::open(bag.file)->facts();
      if (facts.rows == 0) throw Error(fmt::format("{}: there is no tile in it", bag.file.string()));
      bag.tiles = facts.rows;
      dimensions[bag.slide] = facts.dimensions;
      ++bags_with[facts.dimensions];
    } catch (const std::exception& problem) {
      why[bag.slide] = problem.what();
    }
  std::uint64_t most = 0;
  for (const auto& [count, with] : bags_with)
    if (most == 0 || with > bags_with[most]) most = count;
  for (const auto& entry : bags)
    if (const auto found = dimensions.find(entry.bag.slide);
        found != dimensions.end() && found->second != most)
      why[entry.bag.slide] = fmt::format("{}: it has {} numbers a tile, most others have {}",
                                         entry.bag.file.string(), found->second, most);
  std::erase_if(bags, [&](const LabelledBag& entry) { return why.contains(entry.bag.slide); });
  for (const auto& [slide, text] : why)
    left_out.push_back(fmt::format("slide '{}' is left out: {}", slide, text));
  return most;
}

std::string fingerprint(const BagSet& set) {
  std::uint64_t hash = wsi::mix(
      set.dimensions, fmt::format("{} {}", fmt::join(set.classes, "\n"), fmt::join(set.targets, "\n")));
  for (std::size_t i = 0; i < set.bags.size(); ++i) {
    const Bag& bag = set.bags[i];
    for (const auto& [what, value] : wsi::file_identity(bag.file)) hash = wsi::mix(hash, value);
    hash = wsi::mix(hash, fmt::format("{}\n{}\n{} {} {}", bag.slide, bag.patient, bag.tiles, bag.label,
                                      fmt::join(set.targets_of(i), " ")));
    for (const Role role : bag.roles) hash = wsi::mix(hash, name_of(role));
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace flowrun::torch_nodes
