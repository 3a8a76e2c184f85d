// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/class_mask.h>

#include <cstddef>
#include <memory>
#include <opencv2/core/types.hpp>
#include <vector>

namespace flowrun::wsi {

/// A polygon with holes, in level-0 pixels; the first point of a ring is not repeated. The outer ring runs
/// counter-clockwise as numbers go (RFC 7946, 3.1.6), holes the other way.
struct RegionPolygon {
  std::vector<cv::Point2d> outer;
  std::vector<std::vector<cv::Point2d>> holes;
};

/// The regions of a class mask as valid polygons (OGC). Not thread-safe.
class RegionPolygons {
 public:
  /// Keeps a reference to `classes`.
  RegionPolygons(const ClassMask& classes, std::int64_t slide_width, std::int64_t slide_height);
  ~RegionPolygons();

  struct Outline {
    std::vector<RegionPolygon> polygons;
    bool drawn = false;  ///< along the edges of pixels of a drawing
  };
  /// What region `index` covers, without its layer's holes and what later regions of value 0 cut out.
  /// Outlines keep their points; one that crosses itself is taken apart where it does. When no valid polygons
  /// come of that, they go along the edges of pixels of a drawing, `longest_side` pixels at most.
  Outline of(std::size_t index) const;

  static constexpr int longest_side = 1024;
  /// Bytes for a drawing.
  static std::size_t scratch();

 private:
  struct Cutters;
  std::vector<RegionPolygon> drawn(std::size_t index, const std::vector<std::size_t>& cutters) const;

  const ClassMask& classes_;
  std::int64_t slide_width_, slide_height_;
  std::unique_ptr<const Cutters> cutters_;
};

}  // namespace flowrun::wsi
