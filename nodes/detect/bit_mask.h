// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <vector>

namespace flowrun::wsi {

/// A mask of one bit a pixel: opening and closing work on 64 pixels at once. The results are those of
/// cv::morphologyEx with its default anchor and border. Takes a quarter of the bytes of the image that it is
/// made of, and 16 bytes a row at least.
class BitMask {
 public:
  /// Of an image of rows x cols x 1, 8 bit, 0 or 255.
  explicit BitMask(const cv::Mat& mask);
  /// `element` is a structuring element of at most 63 x 63; each of its rows is empty, or one run of ones
  /// that has the middle column in it, as in ellipses and rectangles.
  void open(const cv::Mat& element);
  void close(const cv::Mat& element);
  /// Into an image of the size and type of that which it was made of.
  void write_to(cv::Mat& mask) const;

 private:
  template <class Step>
  void apply(const cv::Mat& element);

  int rows_, cols_;
  std::size_t words_;  // of a row
  std::vector<std::uint64_t> bits_, next_;
};

}  // namespace flowrun::wsi
