// SPDX-License-Identifier: Apache-2.0
#include "percentile.h"

#include <cmath>

namespace flowrun::wsi {
namespace {

/// How far from its place in a sample a number is looked for, in standard deviations of its rank.
constexpr double deviations = 3;

}  // namespace

Percentile::Percentile(double percent, std::uint64_t numbers, double least, double most)
    : numbers_(numbers), sign_(percent <= 50 ? 1 : -1) {
  const double position = percent / 100 * static_cast<double>(numbers - 1);
  const auto lower = static_cast<std::uint64_t>(position);
  const std::uint64_t upper = std::min(lower + 1, numbers - 1);
  const double fraction = position - static_cast<double>(lower);
  const bool up = sign_ > 0;
  near_rank_ = up ? lower : numbers - 1 - upper;
  far_rank_ = up ? upper : numbers - 1 - lower;
  weight_of_far_ = up ? fraction : 1 - fraction;
  least_ = up ? least : -most;
  most_ = up ? most : -least;
  look_at(least_, std::nextafter(most_, INFINITY));
}

void Percentile::look_at(double from, double to) {
  from_ = from;
  to_ = to;
  per_part_ = static_cast<double>(parts) / (to_ - from_);
  counts_ = {};
}

double Percentile::edge_of(double part) const {
  return from_ + part * (to_ - from_) / static_cast<double>(parts);
}

std::size_t Percentile::part_of(std::uint64_t rank) const {
  std::uint64_t seen = counts_[0];
  if (rank < seen) return parts;
  for (std::size_t i = 0; i < parts; ++i)
    if ((seen += counts_[i + 1]) > rank) return i;
  return parts;
}

void Percentile::guess(std::uint64_t some) {
  const double middle =
      static_cast<double>(near_rank_) * static_cast<double>(some) / static_cast<double>(numbers_);
  const double margin = deviations * std::sqrt(middle) + deviations;
  const std::size_t first = part_of(static_cast<std::uint64_t>(std::max(0.0, middle - margin)));
  const std::size_t last = std::min(part_of(static_cast<std::uint64_t>(middle + margin) + 1), parts - 1);
  look_at(edge_of(static_cast<double>(first)), edge_of(static_cast<double>(last) + 1));
}

/// Nothing more needs to be seen.
bool Percentile::stop() {
  to_ = from_;
  apart_ = false;
  return found_ = true;
}

bool Percentile::narrow(double tolerance) {
  if (found_ || apart_) return stop();
  const std::size_t near = part_of(near_rank_), far = part_of(far_rank_);
  if (near == parts || far == parts) {
    look_at(least_, std::nextafter(most_, INFINITY));
    return false;
  }
  const auto first = static_cast<double>(near), last = static_cast<double>(far);
  near_ = edge_of(first + 0.5);
  far_ = edge_of(last + 0.5);
  if (edge_of(1) - edge_of(0) <= 2 * tolerance) return stop();
  if (far - near > 1) {
    // Nothing lies between them: one is the largest below the middle of the gap, the other the smallest
    // above.
    apart_ = true;
    split_ = edge_of((first + 1 + last) / 2);
    near_ = least_;
    far_ = most_;
    return false;
  }
  // A little wider than the parts are: whatever rounding did to a number, it is found again.
  look_at(edge_of(first - 1e-3), edge_of(last + 1 + 1e-3));
  return false;
}

}  // namespace flowrun::wsi
