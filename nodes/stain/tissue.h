// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// The pixels of `rgb` (rows x cols x 3, 8 bit) whose L of CIELAB is below 80 of 100 once the contrast is
/// stretched, as TIAToolbox finds tissue: the 2nd and 98th percentiles of all grey levels of all channels
/// become 0 and 255 (least and most, where these are one), rounded down; L in OpenCV's 8 bit steps. In the
/// order of the rows, 1 x n x 3; takes as many bytes as `rgb`, and 16 KiB. Thread-safe.
cv::Mat dark_pixels(const cv::Mat& rgb);

}  // namespace flowrun::wsi
