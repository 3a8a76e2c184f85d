// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/class_mask.h>

#include <opencv2/core/mat.hpp>
#include <vector>

namespace flowrun::wsi {

/// The regions of `values` (rows x cols x 1, 8 bit; 0: no region), whose pixels are `downsample` x
/// `downsample` level-0 pixels (at least 1): a region for each piece of pixels of one value that share edges,
/// by value. A ClassMask of them, drawn at `downsample`, is `values` again, and at a finer one shows their
/// pixels enlarged.
std::vector<Region> regions_of(const cv::Mat& values, double downsample);
/// Bytes that this takes besides its result.
std::size_t regions_scratch(int rows, int cols);

/// Bytes of such regions in a ClassMask, about.
std::size_t bytes_of(const std::vector<Region>& regions);

}  // namespace flowrun::wsi
