// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// Turns RGB (rows x cols x 3, 8 bit) into hue (0 to 179), saturation and value (0 to 255) in place, as
/// OpenCV does, but that dark grey which noise tints has no saturation: it is relative to the value, so that
/// a black frame's (2, 1, 1) would be half saturated. That are eight pixels and more of a row whose channels
/// differ by 3 at most below 96, or by 10 up to 25; nowhere in tissue are there so many. Takes 3 bytes a
/// pixel.
void to_hsv(cv::Mat& rgb);

}  // namespace flowrun::wsi
