// SPDX-License-Identifier: Apache-2.0
#include "measures.h"

#include <opencv2/imgproc.hpp>

#include "nodes/image/hsv.h"

namespace flowrun::wsi {
namespace {

double share_of(const cv::Mat& found) {
  return static_cast<double>(cv::countNonZero(found)) / static_cast<double>(found.total());
}

}  // namespace

double white_share(const cv::Mat& rgb, int level) {
  cv::Mat white;
  cv::inRange(rgb, cv::Scalar::all(level), cv::Scalar::all(255), white);
  return share_of(white);
}

double black_share(const cv::Mat& rgb, int level) {
  cv::Mat black;
  cv::inRange(rgb, cv::Scalar::all(0), cv::Scalar::all(level), black);
  return share_of(black);
}

double saturated_share(const cv::Mat& rgb, int saturation) {
  cv::Mat hsv = rgb.clone(), saturated;
  to_hsv(hsv);
  cv::inRange(hsv, cv::Scalar(0, saturation, 0), cv::Scalar::all(255), saturated);
  return share_of(saturated);
}

double sharpness(const cv::Mat& rgb) {
  cv::Mat grey, edges;
  cv::cvtColor(rgb, grey, cv::COLOR_RGB2GRAY);
  cv::Laplacian(grey, edges, CV_16S);
  cv::Scalar mean, deviation;
  cv::meanStdDev(edges, mean, deviation);
  return deviation[0] * deviation[0];
}

}  // namespace flowrun::wsi
