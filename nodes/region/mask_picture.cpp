// SPDX-License-Identifier: Apache-2.0
#include "mask_picture.h"

#include <flowrun/error.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <opencv2/core.hpp>
#include <vector>

namespace flowrun::wsi {
namespace {

/// For each of `count` pixels from `first` on the mask pixel in which its centre lies.
std::vector<int> nearest(std::int64_t first, int count, double scale, int whole) {
  std::vector<int> places(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const double centre = (static_cast<double>(first + i) + 0.5) * scale;
    places[static_cast<std::size_t>(i)] = static_cast<int>(std::min(centre, static_cast<double>(whole - 1)));
  }
  return places;
}

}  // namespace

void check_mask_inputs(const Costs& costs) {
  if (costs.has("mask") == costs.has("classes"))
    throw Error(costs.has("mask") ? "both 'mask' and 'classes' are connected: connect one of them"
                                  : "neither 'mask' nor 'classes' is connected: connect one of them");
}

MaskPicture::MaskPicture(const Inputs& in, std::optional<double> downsample) {
  if (in.has("classes")) {
    classes_ = in.share<ClassMask>("classes");
    downsample_ = downsample.value_or(1);
    size_ = classes_->size(downsample_);
    return;
  }
  tissue_ = in.share<Mask>("mask");
  const auto width = static_cast<double>(tissue_->slide_width),
             height = static_cast<double>(tissue_->slide_height);
  size_ = tissue_->pixels.size();
  downsample_ = downsample.value_or(width / size_.width);
  if (!downsample) return;
  x_scale_ = downsample_ * size_.width / width;
  y_scale_ = downsample_ * size_.height / height;
  size_ = {std::max(1, static_cast<int>(width / downsample_)),
           std::max(1, static_cast<int>(height / downsample_))};
}

void MaskPicture::draw(int halvings, std::int64_t x, std::int64_t y, cv::Mat& values) const {
  const double factor = std::ldexp(1.0, halvings);
  if (classes_)
    classes_->draw(downsample_ * factor, x, y, values);
  else
    draw_tissue(factor, x, y, values);
}

void MaskPicture::draw_tissue(double factor, std::int64_t x, std::int64_t y, cv::Mat& values) const {
  const cv::Mat& mask = tissue_->pixels;
  const std::vector<int> cols = nearest(x, values.cols, factor * x_scale_, mask.cols);
  const std::vector<int> rows = nearest(y, values.rows, factor * y_scale_, mask.rows);
  const cv::Mat window =
      mask(cv::Range(rows.front(), rows.back() + 1), cv::Range(cols.front(), cols.back() + 1));
  const int tissue = cv::countNonZero(window);
  if (tissue == 0 || tissue == static_cast<int>(window.total())) return void(values.setTo(tissue ? 255 : 0));
  for (int row = 0; row < values.rows; ++row) {
    const auto r = static_cast<std::size_t>(row);
    std::uint8_t* to = values.ptr(row);
    if (row > 0 && rows[r] == rows[r - 1]) {
      std::memcpy(to, values.ptr(row - 1), static_cast<std::size_t>(values.cols));
      continue;
    }
    const std::uint8_t* from = mask.ptr(rows[r]);
    for (const int col : cols) *to++ = from[col];
  }
}

}  // namespace flowrun::wsi
