// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>

#include "nodes/image/otsu.h"

namespace flowrun::wsi {

/// Of an image of rows x cols x 1, 8 bit; counted on several threads.
Histogram histogram(const cv::Mat& image);

}  // namespace flowrun::wsi
