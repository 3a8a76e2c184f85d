// SPDX-License-Identifier: Apache-2.0
#include "split.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "nodes/base/random.h"

namespace flowrun::wsi {
namespace {

using Counts = std::map<std::uint32_t, double>;  // samples by class

struct Group {
  std::uint64_t ticket;
  std::string name;
  Counts counts;
  bool operator<(const Group& other) const {
    return std::tie(ticket, name) < std::tie(other.ticket, other.name);
  }
};

/// How far a part of the samples is from the share of each class.
double distance(const Counts& all, const Counts& taken, const Counts& more, double share) {
  double sum = 0;
  for (const auto& [label, count] : all) {
    double part = 0;
    if (const auto it = taken.find(label); it != taken.end()) part += it->second;
    if (const auto it = more.find(label); it != more.end()) part += it->second;
    sum += std::abs(part / count - share);
  }
  return sum;
}

/// Some class would have no sample left.
bool exhausts(const Counts& all, const Counts& taken, const Counts& more) {
  return std::any_of(more.begin(), more.end(), [&](const auto& entry) {
    const auto it = taken.find(entry.first);
    return (it == taken.end() ? 0 : it->second) + entry.second >= all.at(entry.first);
  });
}

}  // namespace

std::vector<bool> split_off(const std::vector<std::string>& groups, const std::vector<std::uint32_t>& labels,
                            double share, std::uint64_t seed) {
  std::map<std::string, Counts> by_name;
  Counts all, taken;
  for (std::size_t i = 0; i < groups.size(); ++i) ++by_name[groups[i]][labels[i]], ++all[labels[i]];
  std::vector<Group> order;
  for (auto& [name, counts] : by_name) order.push_back({mix(seed, name), name, std::move(counts)});
  std::sort(order.begin(), order.end());

  std::set<std::string> chosen;
  const Group* nearest = nullptr;
  for (const Group& group : order) {
    if (exhausts(all, taken, group.counts)) continue;
    if (!nearest || distance(all, {}, group.counts, share) < distance(all, {}, nearest->counts, share))
      nearest = &group;
    if (distance(all, taken, group.counts, share) >= distance(all, taken, {}, share)) continue;
    chosen.insert(group.name);
    for (const auto& [label, count] : group.counts) taken[label] += count;
  }
  if (chosen.empty() && nearest) chosen.insert(nearest->name);
  if (chosen.empty())
    throw Error(fmt::format(
        "nothing can be split off for validation: of {} groups each has all samples of some class",
        order.size()));
  std::vector<bool> validation(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) validation[i] = chosen.contains(groups[i]);
  return validation;
}

}  // namespace flowrun::wsi
