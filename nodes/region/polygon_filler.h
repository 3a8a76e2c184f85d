// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <vector>

namespace flowrun::wsi {

/// Fills polygons with whole vertices into a window of a larger picture. A pixel gets the value that it would
/// get in any other window. See ClassMask for the rule.
class PolygonFiller {
 public:
  /// A vertex, in pixels of the whole picture; at most 1e9 from the origin, so that products fit 64 bits.
  struct Vertex {
    std::int64_t x = 0, y = 0;
  };

  /// The window is `picture` (8 bit, one channel), its top left pixel (x, y) of the whole.
  PolygonFiller(cv::Mat picture, std::int64_t x, std::int64_t y)
      : picture_(std::move(picture)), left_(x), top_(y) {}

  /// Draws the line, and keeps where it crosses rows.
  void edge(Vertex from, Vertex to, std::uint8_t value);
  /// The same for a path that lies left of the window: of this only the ends matter.
  void path_on_the_left(Vertex from, Vertex to);
  /// Fills between the crossings kept, and forgets them: where their number is odd or, with `winding`, where
  /// not as many go up as down.
  void fill(std::uint8_t value, bool winding);

 private:
  struct Line;
  void fill_run(std::int64_t y, std::int64_t first, std::int64_t last, std::uint8_t value);
  void cross(std::int64_t y, std::int64_t x, bool down);

  cv::Mat picture_;
  std::int64_t left_, top_;
  std::vector<std::uint64_t> crossings_;  // row * 2^33 + column * 2 + down, in the window
};

}  // namespace flowrun::wsi
