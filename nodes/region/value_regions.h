// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/class_mask.h>

#include <cstddef>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <vector>

namespace flowrun::wsi {

/// The regions of `values` (rows x cols x 1, 8 bit; 0: no region), whose pixels are `downsample` x
/// `downsample` level-0 pixels (at least 1): a region for each piece of pixels of one value that share edges,
/// by value. A ClassMask of them, drawn at `downsample`, is `values` again, and at a finer one shows their
/// pixels enlarged. Nothing when they would take more than `most_bytes` in a ClassMask, about.
std::optional<std::vector<Region>> regions_of(const cv::Mat& values, double downsample,
                                              std::size_t most_bytes);
/// Bytes that this takes besides its result.
std::size_t regions_scratch(int rows, int cols);

}  // namespace flowrun::wsi
