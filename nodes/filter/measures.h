// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

// Of a tile: rows x cols x 3, 8 bit, RGB. Shares are 0 to 1. Each takes 8 bytes a pixel at most meanwhile.

/// Share of pixels of which all channels are at least `level`.
double white_share(const cv::Mat& rgb, int level);
/// Share of pixels of which all channels are at most `level`.
double black_share(const cv::Mat& rgb, int level);
/// Share of pixels with a saturation (0 to 255, see to_hsv) of at least `saturation`.
double saturated_share(const cv::Mat& rgb, int saturation);
/// Variance of the Laplacian of grey (Pech-Pacheco et al., ICPR 2000): low where the tile is out of focus.
double sharpness(const cv::Mat& rgb);

}  // namespace flowrun::wsi
