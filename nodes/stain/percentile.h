// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace flowrun::wsi {

/// Finds a percentile of numbers that come anew in each pass, in 8 KiB, however many there are: a pass counts
/// those in each of 2048 parts of a range, the next one looks into the part that holds the percentile's rank.
/// As NumPy has it, a percentile between two numbers is interpolated linearly. It is sought from the nearer
/// end of the order, so that only the numbers beyond it, and a few more, have to be seen.
class Percentile {
 public:
  /// `percent` of `numbers` numbers, at least one, which lie from `least` to `most`.
  Percentile(double percent, std::uint64_t numbers, double least, double most);

  void see(double number) {
    const double n = sign_ * number;
    // Without branches: where a number lies could not be foreseen.
    const auto part = static_cast<std::int64_t>((n - from_) * per_part_ + 1);
    ++counts_[static_cast<std::size_t>(std::clamp<std::int64_t>(part, 0, parts + 1))];
    if (!apart_) return;
    near_ = n < split_ ? std::max(near_, n) : near_;
    far_ = n < split_ ? far_ : std::min(far_, n);
  }
  /// After a pass over only `some` of the numbers: looks where the rank probably lies. If that is wrong,
  /// narrow() sees it, and all is looked at again.
  void guess(std::uint64_t some);
  /// After a pass over all numbers; true when the percentile is known to within `tolerance`.
  bool narrow(double tolerance);

  /// Numbers that lie on the other side of it than the end that is the nearer one make no difference.
  double end() const { return sign_ * to_; }
  /// `of`: what is interpolated, a function of the number.
  template <class Of>
  double value(Of of) const {
    const double near = of(sign_ * near_), far = of(sign_ * far_);
    return near + weight_of_far_ * (far - near);
  }

 private:
  static constexpr std::size_t parts = 2048;
  void look_at(double from, double to);
  bool stop();
  double edge_of(double part) const;
  std::size_t part_of(std::uint64_t rank) const;

  std::uint64_t numbers_;
  double sign_;                         // -1: sought from the largest number down
  std::uint64_t near_rank_, far_rank_;  // of the numbers that it lies between, from the nearer end
  double weight_of_far_;
  double least_, most_;  // times sign_, as all that follows
  double from_ = 0, to_ = 0, per_part_ = 0;
  double split_ = 0;  // between both numbers, where they are known to lie apart
  double near_ = 0, far_ = 0;
  bool apart_ = false, found_ = false;
  std::array<std::uint32_t, parts + 2> counts_{};  // before the range, in its parts, after it
};

}  // namespace flowrun::wsi
