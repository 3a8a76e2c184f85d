// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// Otsu's threshold (IEEE Trans. SMC 9, 1979) on grey, dark is tissue; then opening and closing with a 5 x 5
/// ellipse, which drop specks and fill pinholes. Works in place: `grey` (rows x cols x 1, 8 bit) becomes the
/// mask, 255 = tissue.
void otsu_mask(cv::Mat& grey);

}  // namespace flowrun::wsi
