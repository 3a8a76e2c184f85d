// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace flowrun::wsi {

/// Finds the number of a rank among numbers that come anew in each pass, in 4 KiB, however many there are: a
/// pass counts those in each of 1024 parts of a range, the next one looks into the part that holds the rank.
class OrderStatistic {
 public:
  /// All numbers lie from `least` to `most`. Rank 0 is the smallest.
  OrderStatistic(std::uint64_t rank, double least, double most) : rank_(rank), least_(least), most_(most) {
    look_at_all();
  }

  void see(double number) {
    if (number >= to_) return;
    if (number < from_) {
      ++below_;
      return;
    }
    ++counts_[std::min(static_cast<std::size_t>((number - from_) * per_part_), parts - 1)];
  }
  /// After a pass over some of `numbers` numbers: looks only where the rank probably lies. If that is wrong,
  /// narrow() sees it, and all is looked at again.
  void guess(std::uint64_t some, std::uint64_t numbers);
  /// After a pass over all of them; true when the number is known to within `tolerance`.
  bool narrow(double tolerance);

  /// Numbers from here on make no difference.
  double end() const { return to_; }
  double value() const { return (from_ + to_) / 2; }

 private:
  static constexpr std::size_t parts = 1024;
  void look_at_all();
  void look_into(std::size_t first, std::size_t last);
  std::size_t part_of(std::uint64_t rank) const;

  std::uint64_t rank_;
  double least_, most_;
  double from_ = 0, to_ = 0, per_part_ = 0;
  std::uint64_t below_ = 0;
  bool found_ = false;
  std::array<std::uint32_t, parts> counts_{};
};

/// A percentile as NumPy has it: between two numbers it is interpolated linearly. It is sought from the
/// nearer end, so that only the numbers beyond it, and a few more, have to be seen.
class Percentile {
 public:
  /// `percent` of `numbers` numbers, at least one, which lie from `least` to `most`.
  Percentile(double percent, std::uint64_t numbers, double least, double most);

  void see(double number) {
    lower_.see(sign_ * number);
    upper_.see(sign_ * number);
  }
  void guess(std::uint64_t some);
  bool narrow(double tolerance);

  /// Numbers that lie on the other side of it than the end that it is sought from make no difference.
  double end() const { return sign_ * std::max(lower_.end(), upper_.end()); }
  /// `of`: what is interpolated, a function of the number.
  template <class Of>
  double value(Of of) const {
    const double lower = of(sign_ * lower_.value()), upper = of(sign_ * upper_.value());
    return lower + fraction_ * (upper - lower);
  }

 private:
  std::uint64_t numbers_;
  double sign_;  // -1: sought from the largest number down
  double fraction_;
  OrderStatistic lower_, upper_;
};

}  // namespace flowrun::wsi
