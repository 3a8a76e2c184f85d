// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <opencv2/core/types.hpp>
#include <utility>
#include <vector>

namespace flowrun::wsi {

/// The nested lists of a GeoJSON geometry, as they are read: positions in rings in polygons.
class Coordinates {
 public:
  using Ring = std::vector<cv::Point2d>;

  // Each returns what is wrong, or null.
  const char* begin() {
    if (position_depth_ != 0 && depth_ >= position_depth_) return "a list stands within a position";
    ++depth_;
    numbers_ = 0;
    return nullptr;
  }
  const char* number(double value) {
    if (!position_depth_) position_depth_ = depth_;
    if (position_depth_ != depth_) return "a position stands among lists of positions";
    if (numbers_ == 0) position_.x = value;
    if (numbers_ == 1) position_.y = value;
    ++numbers_;
    return nullptr;
  }
  const char* end() {
    const std::size_t level = depth_--;
    if (level == position_depth_) {
      if (numbers_ < 2) return "a position has fewer than 2 numbers";
      ring_.push_back(position_);
    } else if (level + 1 == position_depth_) {
      ring_.shrink_to_fit();
      polygon_.push_back(std::exchange(ring_, {}));
    } else if (level + 2 == position_depth_) {
      polygons_.push_back(std::exchange(polygon_, {}));
    }
    return nullptr;
  }
  bool open() const { return depth_ > 0; }
  /// Lists around a number: 3 in a Polygon, 4 in a MultiPolygon; 0 when there is none.
  std::size_t position_depth() const { return position_depth_; }
  std::vector<std::vector<Ring>>& polygons() { return polygons_; }

 private:
  std::size_t depth_ = 0, position_depth_ = 0, numbers_ = 0;
  cv::Point2d position_;
  Ring ring_;
  std::vector<Ring> polygon_;
  std::vector<std::vector<Ring>> polygons_;
};

}  // namespace flowrun::wsi
