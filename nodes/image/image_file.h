// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>

namespace flowrun::wsi {

/// What kind of picture a file is by its first bytes: "PNG", "JPEG", "TIFF" (most slides are), "BMP", "GIF",
/// "WebP", "JPEG 2000"; empty for all others. Throws Error when it cannot be read.
std::string picture_kind(const std::filesystem::path& path);
/// Whether a file is a PNG or a JPEG, by its first bytes. Throws Error when it cannot be read.
bool is_image_file(const std::filesystem::path& path);

/// Reads a PNG or JPEG file as RGB, 8 bit (rows x cols x 3), at most 100 million pixels; `side`: the image
/// must have side x side pixels. Samples of 16 bits become value / 257; a gAMA chunk is followed (PNG
/// specification, 13.13), without one values are taken as they are. What is transparent is put on white. Inks
/// (CMYK) become the light that all of them let through. Bytes behind the image, and zeros that fill up a
/// JPEG before its end marker, are passed over. Throws Error with the path when it cannot be read, is of
/// another kind or size, or broken: also one that ends early, which other readers make grey or black pixels
/// of. Takes the file's bytes meanwhile, and for CMYK 4 bytes a pixel. Thread-safe.
cv::Mat read_image_file(const std::filesystem::path& path, std::optional<int> side = {});
/// The same, for what is measured of pixels wherever they lie: of an image that has transparency only the
/// opaque pixels, in one row (1 x n x 3, n may be 0); takes 4 bytes a pixel then.
cv::Mat read_opaque_pixels(const std::filesystem::path& path);

}  // namespace flowrun::wsi
