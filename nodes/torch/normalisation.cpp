// SPDX-License-Identifier: Apache-2.0
#include "normalisation.h"

namespace flowrun::torch_nodes {

Normalisation::Normalisation(const std::vector<double>& mean, const std::vector<double>& std) {
  for (std::size_t channel = 0; channel < 3; ++channel)
    for (std::size_t v = 0; v < 256; ++v)
      values_[channel][v] = (static_cast<float>(v) / 255.0F - static_cast<float>(mean[channel])) /
                            static_cast<float>(std[channel]);
}

void Normalisation::write(const cv::Mat& rgb, float* planes) const {
  const std::size_t area = rgb.total();
  float *red = planes, *green = planes + area, *blue = planes + 2 * area;
  for (int row = 0; row < rgb.rows; ++row) {
    const std::uint8_t* pixel = rgb.ptr(row);
    for (int column = 0; column < rgb.cols; ++column, pixel += 3) {
      *red++ = values_[0][pixel[0]];
      *green++ = values_[1][pixel[1]];
      *blue++ = values_[2][pixel[2]];
    }
  }
}

}  // namespace flowrun::torch_nodes
