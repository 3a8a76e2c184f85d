// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <opencv2/core/mat.hpp>
#include <optional>

namespace flowrun::wsi {

/// Whether a file is a PNG or a JPEG, by its first bytes. Throws Error when it cannot be read.
bool is_image_file(const std::filesystem::path& path);

/// Reads a PNG or JPEG file as RGB, 8 bit (rows x cols x 3), at most 100 million pixels; `side`: the image
/// must have side x side pixels. What is transparent is put on white. Throws Error with the path when it
/// cannot be read, is of another kind or size, or broken: also one that ends early, which other readers make
/// grey or black pixels of. Thread-safe.
cv::Mat read_image_file(const std::filesystem::path& path, std::optional<int> side = {});

}  // namespace flowrun::wsi
