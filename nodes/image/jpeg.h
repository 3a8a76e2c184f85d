// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <vector>

namespace flowrun::wsi {

/// Encodes an RGB image (rows x cols x 3, 8 bit) as JPEG with 4:2:0 chroma, or a grey one (x 1), into `out`.
/// `quality`: 1 to 100. Thread-safe. Throws Error.
void encode_jpeg(const cv::Mat& rgb, int quality, std::vector<std::uint8_t>& out);
/// The most bytes that it writes.
std::size_t max_jpeg_bytes(int rows, int cols);

}  // namespace flowrun::wsi
