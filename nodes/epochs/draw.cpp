// SPDX-License-Identifier: Apache-2.0
#include "draw.h"

#include <algorithm>
#include <map>

#include "nodes/base/random.h"

namespace flowrun::wsi {
namespace {

/// Appends `count` of the rows: in random order, and in another one whenever all were taken.
void append(std::vector<std::uint32_t>& drawn, std::vector<std::uint32_t> rows, std::size_t count,
            Random& random) {
  while (count > 0) {
    random.shuffle(rows);
    const std::size_t now = std::min(count, rows.size());
    drawn.insert(drawn.end(), rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(now));
    count -= now;
  }
}

}  // namespace

std::vector<std::uint32_t> draw_each(const std::vector<std::uint32_t>& rows, std::size_t count,
                                     std::uint64_t seed, std::uint64_t epoch) {
  Random random(seed, epoch);
  std::vector<std::uint32_t> drawn;
  drawn.reserve(count);
  append(drawn, rows, count, random);
  return drawn;
}

std::vector<std::uint32_t> draw_balanced(const std::vector<std::uint32_t>& rows,
                                         const std::vector<std::uint32_t>& labels, std::size_t count,
                                         std::uint64_t seed, std::uint64_t epoch) {
  std::map<std::uint32_t, std::vector<std::uint32_t>> by_class;
  for (const std::uint32_t row : rows) by_class[labels[row]].push_back(row);
  Random random(seed, epoch);
  std::vector<std::uint32_t> classes, drawn;
  for (const auto& [label, of_class] : by_class) classes.push_back(label);
  random.shuffle(classes);  // which of them get one more
  drawn.reserve(count);
  for (std::size_t i = 0; i < classes.size(); ++i)
    append(drawn, by_class[classes[i]], count / classes.size() + (i < count % classes.size()), random);
  random.shuffle(drawn);
  return drawn;
}

std::vector<std::uint32_t> draw_weighted(const std::vector<std::uint32_t>& rows,
                                         const std::vector<double>& weights, std::size_t count,
                                         std::uint64_t seed, std::uint64_t epoch) {
  std::vector<double> sums;
  double sum = 0;
  for (const std::uint32_t row : rows) sums.push_back(sum += weights[row]);
  Random random(seed, epoch);
  std::vector<std::uint32_t> drawn(count);
  for (std::uint32_t& row : drawn) {
    const auto at = std::upper_bound(sums.begin(), sums.end(), random.uniform(0, sum));
    row = rows[static_cast<std::size_t>(std::min(at, sums.end() - 1) - sums.begin())];
  }
  return drawn;
}

}  // namespace flowrun::wsi
