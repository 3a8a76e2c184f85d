// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// Otsu's threshold (IEEE Trans. SMC 9, 1979): the value that parts an image of rows x cols x 1, 8 bit, into
/// classes, up to it and above it, with the most variance between them; the lowest such. Parts pixels as
/// cv::threshold does; counts them on several threads.
int otsu_threshold(const cv::Mat& image);

}  // namespace flowrun::wsi
