// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// Luma up to this is black: no stain on a thumbnail is as dark.
constexpr int black = 25;

/// Sets black frames to 0, as scanners put them around what they scanned, and all else to 1 at least; rows x
/// cols x 1, 8 bit. A frame is what is black from the image's edge inwards, where that edge is black for a
/// twentieth of its length or more. Where there is none, nothing is changed; says whether there is one. Takes
/// nothing besides.
bool mark_frames(cv::Mat& luma);

}  // namespace flowrun::wsi
