// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace flowrun::wsi {

/// A class that regions of a slide can belong to ("tumor").
struct Class {
  std::string name;
  std::uint8_t value = 0;                    ///< in class masks; 0 is what no region covers
  std::array<std::uint8_t, 3> rgb{0, 0, 0};  ///< to show it in
};

/// A part of a slide that somebody outlined.
struct Region {
  std::uint8_t value = 0;  ///< of its class; 0 cuts a hole into the regions before it
  /// Closed by themselves, in level-0 pixels. What an odd number of rings encloses is inside: a ring within
  /// another is a hole. A ring may cross itself, and reach beyond the slide.
  std::vector<std::vector<cv::Point2d>> rings;
  std::uint32_t layer = 0;  ///< which regions belong together
  bool hole = false;        ///< cut out of all regions of its layer, and of no others; its value is 0
  bool winding = false;     ///< inside is what the rings go around at all (non-zero winding number)
};

class RegionIndex;

/// The classes of a slide's pixels, kept as outlines and drawn only where they are looked at: it costs the
/// polygons, not the slide's area. Later regions are drawn over earlier ones. Immutable, thread-safe; copies
/// share the index.
///
/// Which pixels belong to a region: vertices are divided by the downsample and truncated towards zero to
/// whole pixels (at most 1e9 from the origin). A pixel belongs to the region when its column and row lie
/// inside of the polygon of these by the region's rule, or when the line between two successive vertices
/// passes through it: Bresenham's, from the left vertex to the right one, a tie staying on the nearer row or
/// column to the start. Holes are filled by the same rule. The rule is exact, in whole numbers, and the same
/// with every version of OpenCV. cv::fillPoly (8-connected, no shift) of OpenCV 4.6 fills these pixels in the
/// whole mask, but that it clips a line that leaves the picture before it draws it and adds up its slope with
/// 16 binary digits, so that outlines that leave the mask and edges of more than 32767 rows may differ along
/// their line. That of OpenCV 4.10 draws other pixels along outlines.
class ClassMask {
 public:
  static constexpr std::string_view packet_type = "wsi.class_mask/2";

  /// Throws Error when a coordinate is no finite number.
  ClassMask(std::vector<Class> classes, std::vector<Region> regions, std::int64_t slide_width,
            std::int64_t slide_height);

  const std::vector<Class>& classes() const { return classes_; }  ///< by value
  const std::vector<Region>& regions() const { return *regions_; }
  /// Of the value in the mask; null for 0.
  const Class* find(std::uint8_t value) const;
  const Class* find(std::string_view name) const;

  /// Pixels of the whole mask when one is `downsample` x `downsample` level-0 pixels; rounded down, at least
  /// 1 x 1.
  cv::Size size(double downsample) const;
  /// Fills `values` (rows x cols x 1, 8 bit) with the window of the whole mask at `downsample` (above 0)
  /// whose top left pixel is (x, y). Each pixel is what it is in the whole mask, whatever the window; outside
  /// of the whole mask it is 0. Costs time for the outlines within the window's rows and for the pixels
  /// filled; takes 8 bytes for each place where an outline crosses one of 64 rows, and with holes a byte for
  /// each pixel of these.
  void draw(double downsample, std::int64_t x, std::int64_t y, cv::Mat& values) const;
  /// Bytes that it takes, about.
  std::size_t bytes() const;

 private:
  std::vector<Class> classes_;
  std::shared_ptr<const std::vector<Region>> regions_;
  std::int64_t slide_width_, slide_height_;
  std::shared_ptr<const RegionIndex> index_;
};

}  // namespace flowrun::wsi
