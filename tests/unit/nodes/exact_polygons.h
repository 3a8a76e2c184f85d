// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <opencv2/core.hpp>
#include <utility>
#include <vector>

namespace flowrun::test {

/// ClassMask's rule, asked pixel by pixel in whole numbers: which side of an edge a pixel lies on is the sign
/// of a product, and a line goes through the pixel nearest to it. cv::fillPoly is no measure: which pixels it
/// draws along outlines depends on OpenCV's version.
class ExactPolygons {
 public:
  explicit ExactPolygons(const std::vector<std::vector<cv::Point>>& rings) {
    for (const auto& ring : rings)
      for (std::size_t i = 0; i < ring.size(); ++i) edges_.push_back({ring[i], ring[(i + 1) % ring.size()]});
  }

  void fill(cv::Mat& picture, std::uint8_t value, bool winding = false) const {
    for (const Edge& edge : edges_) draw(picture, edge, value);
    for (int y = 0; y < picture.rows; ++y) {
      std::vector<Edge> passed;
      int left = picture.cols, right = -1;
      for (const Edge& edge : edges_)
        if ((edge.from.y <= y) != (edge.to.y <= y)) {
          passed.push_back(edge);
          left = std::min({left, edge.from.x, edge.to.x});
          right = std::max({right, edge.from.x, edge.to.x});
        }
      for (int x = std::max(left, 0); x <= std::min(right, picture.cols - 1); ++x)
        if (inside(passed, {x, y}, winding)) picture.at<std::uint8_t>(y, x) = value;
    }
  }

 private:
  struct Edge {
    cv::Point from, to;
  };

  /// Edges that the ray from the pixel to the left meets.
  static bool inside(const std::vector<Edge>& edges, cv::Point p, bool winding) {
    int met = 0;
    for (const Edge& edge : edges) {
      const bool down = edge.from.y < edge.to.y;
      const cv::Point a = down ? edge.from : edge.to, b = down ? edge.to : edge.from;
      const auto side = std::int64_t{b.x - a.x} * (p.y - a.y) - std::int64_t{b.y - a.y} * (p.x - a.x);
      if (side < 0) met += down || !winding ? 1 : -1;
    }
    return winding ? met != 0 : met % 2 != 0;
  }

  static void draw(cv::Mat& picture, const Edge& edge, std::uint8_t value) {
    const bool swapped = edge.to.x < edge.from.x;
    const cv::Point a = swapped ? edge.to : edge.from, b = swapped ? edge.from : edge.to;
    const std::int64_t dx = b.x - a.x, dy = std::abs(b.y - a.y), longer = std::max(dx, dy);
    const std::int64_t shorter = std::min(dx, dy);
    const int down = b.y < a.y ? -1 : 1;
    for (std::int64_t step = 0; step <= longer; ++step) {
      std::int64_t aside = longer ? step * shorter / longer : 0;
      if (2 * (step * shorter - aside * longer) > longer) ++aside;  // a tie stays nearer to the start
      const cv::Point p(a.x + static_cast<int>(dx < dy ? aside : step),
                        a.y + down * static_cast<int>(dx < dy ? step : aside));
      if (cv::Rect({}, picture.size()).contains(p)) picture.at<std::uint8_t>(p) = value;
    }
  }

  std::vector<Edge> edges_;
};

}  // namespace flowrun::test
