// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <opencv2/core/mat.hpp>
#include <vector>

namespace flowrun::torch_nodes {

/// (v / 255 - mean) / std of each channel, in the order and precision of torchvision's ToTensor and
/// Normalize. Immutable, thread-safe.
class Normalisation {
 public:
  /// Three values each, R, G, B; `std` above 0.
  Normalisation(const std::vector<double>& mean, const std::vector<double>& std);

  /// Writes an image (rows x cols x 3, 8 bit, RGB) as 3 x rows x cols to `planes`.
  void write(const cv::Mat& rgb, float* planes) const;

 private:
  std::array<std::array<float, 256>, 3> values_;
};

}  // namespace flowrun::torch_nodes
