// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// sRGB (IEC 61966-2-1) to CIELAB with the white of D65 (0.95047, 1, 1.08883), as OpenCV and scikit-image
/// have it: L from 0 to 100, a and b of about -127 to 127. `rgb`: one row, 8 bit x 3; `lab`: of its size,
/// float x 3, filled. Single precision. Thread-safe.
void to_cielab(const cv::Mat& rgb, cv::Mat& lab);
/// Back, cut to 0..255 and rounded to the nearest. `cut_z`: of colours outside sRGB that have too much yellow
/// the cube root of Z, before it is cubed, is at least 0, as scikit-image has it.
void from_cielab(const cv::Mat& lab, cv::Mat& rgb, bool cut_z = false);

/// The same in OpenCV's 8 bit steps: L in 255 of them, a and b in whole numbers; on the way back they are cut
/// to 0..255 and rounded down, as TIAToolbox does. `steps`: of the size of `rgb`, 8 bit x 3, is overwritten.
void to_cielab_8bit(const cv::Mat& rgb, cv::Mat& lab, cv::Mat& steps);
void from_cielab_8bit(const cv::Mat& lab, cv::Mat& rgb, cv::Mat& steps);

}  // namespace flowrun::wsi
