// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// Calls `work` with each band of an image of so many rows, in parallel.
void for_each_band(int rows, const std::function<void(cv::Range)>& work);

/// Applies a filter to an image of one channel in place, band of rows by band, in parallel, without a second
/// copy of the image. `filter` changes the image that it is given in place; a pixel of its result depends on
/// rows up to `reach` away. What it does at the image's own edges is what it does at the edges of what it
/// gets.
void filter_in_bands(cv::Mat& image, int reach, const std::function<void(cv::Mat&)>& filter);
/// Bytes that it takes meanwhile, with a filter that makes one copy.
std::size_t bands_scratch(int rows, int cols, int reach);
/// The most that it is for an image of so many pixels, whatever its shape.
std::size_t most_bands_scratch(std::size_t pixels, int reach);

}  // namespace flowrun::wsi
