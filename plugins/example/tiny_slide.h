// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <filesystem>
#include <string>

/// Opens a slide in the format "tiny", an example of a scanner's own: a line
///
///   TINY 1 WIDTH HEIGHT MPP
///
/// (version of the format, pixels, microns per pixel), then WIDTH x HEIGHT pixels, row by row, a byte each
/// for R, G and B. `name` becomes the slide's. Pixels are read from the file when they are asked for. Throws
/// flowrun::Error when it cannot be opened or is no such file.
flowrun::wsi::Slide open_tiny_slide(const std::filesystem::path& path, const std::string& name);
