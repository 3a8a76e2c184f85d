// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/class_mask.h>

#include <cstddef>
#include <opencv2/core/types.hpp>
#include <optional>
#include <vector>

namespace flowrun::wsi {

/// A polygon with holes, in level-0 pixels; the first point of a ring is not repeated.
struct RegionPolygon {
  std::vector<cv::Point2d> outer;
  std::vector<std::vector<cv::Point2d>> holes;
};

/// What region `index` of a class mask covers, as valid polygons (OGC): what an odd number of its rings
/// encloses, without what later regions of value 0 cut out. Outlines keep their points. Nothing when that
/// cannot be had from the outlines: one crosses itself.
std::optional<std::vector<RegionPolygon>> polygons_of(const ClassMask& classes, std::size_t index);

/// The same along the edges of pixels of a drawing of the region, `longest_side` pixels at most, as
/// ClassMask::draw gives it: that is valid whatever the outlines are.
std::vector<RegionPolygon> drawn_polygons_of(const ClassMask& classes, std::size_t index,
                                             std::int64_t slide_width, std::int64_t slide_height);
constexpr int longest_side = 1024;
/// Bytes for that.
std::size_t drawn_polygons_scratch();

}  // namespace flowrun::wsi
