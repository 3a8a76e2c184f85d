// SPDX-License-Identifier: Apache-2.0
#include "percentile.h"

#include <cmath>

namespace flowrun::wsi {
namespace {

/// How far from its rank in a sample a number can be, in standard deviations of a binomial distribution.
constexpr double deviations = 4;

double position(double percent, std::uint64_t numbers) {
  return percent / 100 * static_cast<double>(numbers - 1);
}

/// The rank in the order that begins at the nearer end.
std::uint64_t rank_from_end(std::uint64_t rank, std::uint64_t numbers, double percent) {
  return percent <= 50 ? rank : numbers - 1 - rank;
}

}  // namespace

void OrderStatistic::look_at_all() {
  from_ = least_;
  to_ = std::nextafter(most_, INFINITY);
  per_part_ = static_cast<double>(parts) / (to_ - from_);
  below_ = 0;
  counts_ = {};
}

void OrderStatistic::look_into(std::size_t first, std::size_t last) {
  const double part = (to_ - from_) / static_cast<double>(parts);
  // A little wider than the parts are: whatever rounding did to a number, it is found again.
  const double from = from_ + part * (static_cast<double>(first) - 1e-3);
  const double to = from_ + part * (static_cast<double>(last) + 1 + 1e-3);
  from_ = from;
  to_ = to;
  per_part_ = static_cast<double>(parts) / (to_ - from_);
  below_ = 0;
  counts_ = {};
}

std::size_t OrderStatistic::part_of(std::uint64_t rank) const {
  std::uint64_t seen = below_;
  for (std::size_t i = 0; i < parts; ++i)
    if ((seen += counts_[i]) > rank) return i;
  return parts;
}

void OrderStatistic::guess(std::uint64_t some, std::uint64_t numbers) {
  const double middle = static_cast<double>(rank_) * static_cast<double>(some) / static_cast<double>(numbers);
  const double margin = deviations * std::sqrt(middle) + deviations;
  const auto rank_of = [](double rank) { return static_cast<std::uint64_t>(std::max(0.0, rank)); };
  look_into(part_of(rank_of(middle - margin)), std::min(part_of(rank_of(middle + margin)), parts - 1));
}

bool OrderStatistic::narrow(double tolerance) {
  if (found_) return true;
  const std::size_t part = rank_ < below_ ? parts : part_of(rank_);
  if (part == parts) {
    look_at_all();
    return false;
  }
  look_into(part, part);
  return found_ = to_ - from_ <= 2 * tolerance;
}

Percentile::Percentile(double percent, std::uint64_t numbers, double least, double most)
    : numbers_(numbers),
      sign_(percent <= 50 ? 1 : -1),
      fraction_(position(percent, numbers) - std::floor(position(percent, numbers))),
      lower_(rank_from_end(static_cast<std::uint64_t>(position(percent, numbers)), numbers, percent),
             std::min(sign_ * least, sign_ * most), std::max(sign_ * least, sign_ * most)),
      upper_(rank_from_end(std::min(static_cast<std::uint64_t>(position(percent, numbers)) + 1, numbers - 1),
                           numbers, percent),
             std::min(sign_ * least, sign_ * most), std::max(sign_ * least, sign_ * most)) {}

void Percentile::guess(std::uint64_t some) {
  lower_.guess(some, numbers_);
  upper_.guess(some, numbers_);
}

bool Percentile::narrow(double tolerance) {
  const bool lower = lower_.narrow(tolerance), upper = upper_.narrow(tolerance);
  return lower && upper;
}

}  // namespace flowrun::wsi
