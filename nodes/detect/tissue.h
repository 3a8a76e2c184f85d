// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// Otsu's threshold (IEEE Trans. SMC 9, 1979) on grey, dark is tissue; then opening and closing with a 5 x 5
/// ellipse, which drop specks and fill pinholes. Works in place: `grey` (rows x cols x 1, 8 bit) becomes the
/// mask, 255 = tissue. Besides it takes `otsu_scratch` bytes.
void otsu_mask(cv::Mat& grey);
std::size_t otsu_scratch(int rows, int cols);  ///< about twice the mask's pixels at most

}  // namespace flowrun::wsi
