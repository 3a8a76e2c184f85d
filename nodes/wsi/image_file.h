// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// Whether a file is a PNG or a JPEG, by its first bytes. Throws Error when it cannot be read.
bool is_image_file(const std::filesystem::path& path);

/// Reads a PNG or JPEG as RGB (rows x cols x 3, 8 bit), at most 100 million pixels; transparent parts are put
/// on white. Throws Error that names the file. Thread-safe.
cv::Mat read_image_file(const std::filesystem::path& path);

}  // namespace flowrun::wsi
