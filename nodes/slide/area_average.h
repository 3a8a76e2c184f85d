// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// Fills `rgb` (rows x cols x 3, 8 bit, RGB) with the window of a level that begins at (x, y), each pixel the
/// mean of the area that it shows, where pixels of the level count by their share of it. The window is at
/// least as large as `rgb`, and is read block by block. What lies outside the level gets the background
/// colour. Throws Error as PixelReader::read.
void read_area_average(const Slide& slide, int level, std::int64_t x, std::int64_t y, cv::Size window,
                       cv::Mat& rgb);

/// Bytes that this takes besides its result.
std::size_t area_average_bytes(cv::Size window, cv::Size size);
/// The most, where the level is at most 256 times as fine.
inline std::size_t area_average_bytes() {
  return area_average_bytes({4096, 4096}, {4096, 4096});
}

}  // namespace flowrun::wsi
