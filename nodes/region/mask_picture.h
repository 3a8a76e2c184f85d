// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/node.h>
#include <flowrun/wsi/class_mask.h>
#include <flowrun/wsi/mask.h>

#include <cstdint>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <optional>

namespace flowrun::wsi {

/// Throws Error unless exactly one of the inputs `mask` and `classes` is connected.
void check_mask_inputs(const Costs& costs);

/// A tissue mask or class mask over a whole slide at any resolution, drawn where it is looked at; nearest
/// neighbour, for classes have no mean. Thread-safe.
class MaskPicture {
 public:
  /// Of whichever of the inputs `mask` and `classes` is connected. Without `downsample` a tissue mask is
  /// taken at its own resolution, classes at the slide's.
  MaskPicture(const Inputs& in, std::optional<double> downsample);

  cv::Size size() const { return size_; }
  double downsample() const { return downsample_; }
  /// Null: a tissue mask.
  const ClassMask* classes() const { return classes_.get(); }

  /// Fills `values` (rows x cols x 1, 8 bit) with the window whose top left pixel is (x, y), when the picture
  /// is halved `halvings` times. Outside the picture they are undefined.
  void draw(int halvings, std::int64_t x, std::int64_t y, cv::Mat& values) const;

 private:
  void draw_tissue(double factor, std::int64_t x, std::int64_t y, cv::Mat& values) const;

  std::shared_ptr<const Mask> tissue_;
  std::shared_ptr<const ClassMask> classes_;
  double downsample_ = 1;
  cv::Size size_;
  double x_scale_ = 1, y_scale_ = 1;  // tissue mask pixels per pixel of the picture
};

}  // namespace flowrun::wsi
