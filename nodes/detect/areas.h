// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// Removes objects of fewer than `min_object` pixels (8-connected) from a mask, then fills holes of fewer
/// than `max_hole` pixels (4-connected glass that does not touch the mask's edge). In place; rows x cols x 1,
/// 255 = tissue. Besides it takes `areas_scratch` bytes.
void clean_areas(cv::Mat& mask, double min_object, double max_hole);
std::size_t areas_scratch(std::size_t pixels);

}  // namespace flowrun::wsi
