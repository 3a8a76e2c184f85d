// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "isolated.h"

namespace flowrun::wsi {

/// What a file of features says of all of them.
struct FeatureFacts {
  std::uint64_t rows = 0;        ///< tiles
  std::uint64_t dimensions = 0;  ///< numbers a tile
};

/// The features of a slide's tiles in an HDF5 file as CLAM, TRIDENT (`features`), STAMP (`feats`) and
/// `save_features` write it: float16 to float64, tiles x dimensions. Read from first to last without ever
/// being in memory as a whole, by a process of its own, which damaged files may end (see Isolated).
/// Everything throws Error that names the file; not thread-safe.
class H5Features {
 public:
  static constexpr std::uint64_t most_dimensions = 65536;
  static constexpr std::uint64_t most_rows = 100'000'000;  ///< no slide has more tiles

  /// `selected`: rows to read, sorted; those that the file does not have are refused. Null: all of them.
  explicit H5Features(const std::filesystem::path& file,
                      const std::vector<std::uint64_t>* selected = nullptr);

  const FeatureFacts& facts() const { return facts_; }
  /// Reads the next `rows` rows, which must still be there, row by row.
  void read(float* to, std::uint64_t rows);

 private:
  std::string receive();

  std::filesystem::path path_;
  FeatureFacts facts_;
  std::string message_;  // rows received
  std::size_t used_ = 0;
  Isolated process_;
};

/// Where the tiles are: `coords` as the file has them, two numbers a tile: level-0 pixels, of STAMP microns.
/// None where there is no such dataset. Throws Error when there are not as many as tiles.
std::vector<double> read_h5_places(const std::filesystem::path& file);

}  // namespace flowrun::wsi
