// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// The pixels of `rgb` (rows x cols x 3, 8 bit) whose L of CIELAB is below 80 of 100 once the contrast is
/// stretched, as TIAToolbox finds tissue: the 2nd and 98th percentiles of all grey levels of all channels
/// become 0 and 255 (least and most, where these are one), rounded down; L in OpenCV's 8 bit steps. In the
/// order of the rows, 1 x n x 3; takes as many bytes as `rgb`, and 16 KiB. Thread-safe.
cv::Mat dark_pixels(const cv::Mat& rgb);

/// Where a tile shows tissue, as histolab finds it: 255 there, else 0 (rows x cols x 1). The tile (rows x
/// cols x 3, 8 bit) is framed by 10 white pixels; tissue is darker than Otsu's threshold of the frame and it
/// (see otsu_split; grey as Pillow has it, ITU-R BT.601 in whole numbers), and what is at most 2 pixels away
/// from that; and glass that is not reached from the frame by steps over glass, each at most 10 pixels up and
/// to the left, 9 down and to the right. The result takes otsu_tissue_plane; three times that are taken
/// meanwhile. Thread-safe.
cv::Mat otsu_tissue(const cv::Mat& rgb);
/// Bytes of a mask in its frame, of so many pixels that are a square or 256 columns: the most.
std::size_t otsu_tissue_plane(std::size_t pixels);

/// The pixels of `rgb` where `mask` is set, in the order of the rows, 1 x n x 3.
cv::Mat pixels_in(const cv::Mat& mask, const cv::Mat& rgb);

}  // namespace flowrun::wsi
