// SPDX-License-Identifier: Apache-2.0
#include "focus.h"

#include <opencv2/imgproc.hpp>

double sharpness(const cv::Mat& rgb) {
  cv::Mat grey, laplacian;
  cv::cvtColor(rgb, grey, cv::COLOR_RGB2GRAY);
  cv::Laplacian(grey, laplacian, CV_16S);  // exact: at most 4 x 255
  cv::Scalar mean, deviation;
  cv::meanStdDev(laplacian, mean, deviation);
  return deviation[0] * deviation[0];
}

std::size_t sharpness_scratch(std::size_t rgb_bytes) {
  return rgb_bytes;  // for each pixel one byte of grey and two of the Laplacian
}
