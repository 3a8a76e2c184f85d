// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace flowrun::cli {

struct Thumbnail {
  std::string jpeg;
  int width = 0, height = 0;
};

/// A JPEG scaled down so that neither side is longer than `side`; never up. Throws Error that names the file
/// when it is none, or has more than 2^28 pixels.
Thumbnail thumbnail_of(const std::filesystem::path& file, int side);

}  // namespace flowrun::cli
