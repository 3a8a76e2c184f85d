// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "coordinates.h"

namespace flowrun::wsi {

/// The part of CoordinateReader::open for HDF5 files.
std::unique_ptr<CoordinateReader> read_h5_coordinates(const std::filesystem::path& file,
                                                      std::shared_ptr<const SlideFacts> slide);

}  // namespace flowrun::wsi
