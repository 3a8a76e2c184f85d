// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <opencv2/core/mat.hpp>
#include <vector>

namespace flowrun::wsi {

/// A closed line along pixel edges. Points are corners of pixels: (0, 0) is the top left corner of the first
/// pixel. Only where it turns there is a point; the first one is not repeated.
using PixelRing = std::vector<cv::Point>;

/// A piece of a mask: what is inside the outer ring and outside of the holes. The outer ring runs clockwise
/// as seen on screen, holes run the other way.
struct PixelPiece {
  PixelRing outer;
  std::vector<PixelRing> holes;
  std::size_t pixels = 0;
};

/// Traces the edges of the pixels of `mask` (rows x cols x 1, 8 bit) that are not 0, and gives each piece to
/// `found`, in the order of their topmost, then leftmost pixels. Pixels that share an edge are of one piece;
/// pieces that touch at a corner are two. Only pieces of at least `min_pixels` are given, and smaller holes
/// than `min_hole_pixels` are left out.
///
/// What encloses a piece is exactly its pixels, and polygons are valid as OGC has it (Simple
/// Features 6.1.11): no ring touches itself, rings of a polygon touch each other at corners only. A walk
/// along the edges that comes by a corner twice is therefore cut into two rings there.
///
/// Takes `contours_scratch` bytes besides the pieces, one of which is there at a time.
void trace_contours(const cv::Mat& mask, std::size_t min_pixels, std::size_t min_hole_pixels,
                    const std::function<void(const PixelPiece&)>& found);
/// Bytes for tracing a mask, with the largest piece that there can be.
std::size_t contours_scratch(int rows, int cols);

}  // namespace flowrun::wsi
