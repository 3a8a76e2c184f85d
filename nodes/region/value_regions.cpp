// SPDX-License-Identifier: Apache-2.0
#include "value_regions.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "contours.h"

namespace flowrun::wsi {
namespace {

/// A line through the outermost pixels of what a ring encloses, for ClassMask draws the pixels that a
/// region's line passes through. The ring runs clockwise on screen: where it runs down or to the left its
/// pixels end, and the line stays within the last of them.
std::vector<cv::Point2d> line_of(const PixelRing& ring, double downsample) {
  constexpr double within_last = 0.5;  // level-0 pixels
  std::vector<cv::Point2d> line;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const cv::Point& at = ring[i];
    const cv::Point& before = ring[i == 0 ? ring.size() - 1 : i - 1];
    const cv::Point& after = ring[i + 1 == ring.size() ? 0 : i + 1];
    const bool down = before.y < at.y || at.y<after.y, left = before.x> at.x || at.x > after.x;
    line.emplace_back(at.x * downsample - (down ? within_last : 0),
                      at.y * downsample - (left ? within_last : 0));
  }
  return line;
}

bool is_at_edge(const PixelRing& ring, cv::Size whole) {
  return std::ranges::any_of(
      ring, [&](cv::Point p) { return p.x == 0 || p.y == 0 || p.x == whole.width || p.y == whole.height; });
}

}  // namespace

std::optional<std::vector<Region>> regions_of(const cv::Mat& values, double downsample,
                                              std::size_t most_bytes) {
  std::array<bool, 256> there{};
  for (int row = 0; row < values.rows; ++row)
    for (int col = 0; col < values.cols; ++col) there[values.at<std::uint8_t>(row, col)] = true;
  // Pieces are filled, and what lies in a hole of one is drawn over it: it begins in a lower row.
  std::vector<std::pair<int, Region>> pieces;
  std::size_t bytes = 0;
  for (int value = 0; value < 256; ++value) {
    if (!there[static_cast<std::size_t>(value)]) continue;
    trace_contours(values == value, 0, 0, [&](const PixelPiece& piece) {
      if (value == 0 && is_at_edge(piece.outer, values.size())) return;  // lies in no hole
      // With ClassMask's index, and while the pieces are put into their order.
      bytes += 3 * (sizeof(Region) + piece.outer.size() * sizeof(cv::Point2d));
      if (bytes > most_bytes) return;
      const auto top = std::ranges::min_element(piece.outer, {}, &cv::Point::y);
      Region region{.value = static_cast<std::uint8_t>(value)};
      region.rings.push_back(line_of(piece.outer, downsample));
      pieces.emplace_back(top->y, std::move(region));
    });
  }
  if (bytes > most_bytes) return {};
  std::ranges::stable_sort(pieces, {}, &std::pair<int, Region>::first);
  std::vector<Region> regions;
  for (auto& [top, region] : pieces) regions.push_back(std::move(region));
  return regions;
}

std::size_t regions_scratch(int rows, int cols) {
  return contours_scratch(rows, cols) + static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
}

}  // namespace flowrun::wsi
