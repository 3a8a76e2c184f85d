// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// Reads a PNG or JPEG file of `side` x `side` pixels as RGB, 8 bit (rows x cols x 3). What is transparent is
/// put on white. Throws Error with the path when it cannot be read, is of another kind or size, or broken:
/// also one that ends early, which other readers make grey or black pixels of.
cv::Mat read_image(const std::filesystem::path& file, int side);

}  // namespace flowrun::wsi
