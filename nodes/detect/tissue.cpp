// SPDX-License-Identifier: Apache-2.0
#include "tissue.h"

#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {

void otsu_mask(cv::Mat& grey) {
  cv::threshold(grey, grey, 0, 255, cv::THRESH_BINARY_INV | cv::THRESH_OTSU);
  const cv::Mat ellipse = cv::getStructuringElement(cv::MORPH_ELLIPSE, {5, 5});
  cv::morphologyEx(grey, grey, cv::MORPH_OPEN, ellipse);
  cv::morphologyEx(grey, grey, cv::MORPH_CLOSE, ellipse);
}

}  // namespace flowrun::wsi
