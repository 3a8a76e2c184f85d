// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "h5_file.h"
#include "isolated.h"

namespace flowrun::wsi {

/// What a file of features says of all of them.
struct FeatureFacts {
  std::uint64_t rows = 0;        ///< tiles
  std::uint64_t dimensions = 0;  ///< numbers a tile
};

/// The features of a slide's tiles in an HDF5 file as CLAM, TRIDENT (`features`), STAMP (`feats`) and
/// `save_features` write it: float16 to float64, tiles x dimensions. Read from first to last without ever
/// being in memory as a whole, by a process of its own, which damaged files may end (see Isolated); a file
/// that one has read as a whole, and that is unchanged, by this process: an epoch of a thousand slides would
/// start a thousand processes. Everything throws Error that names the file; not thread-safe.
class H5Features {
 public:
  static constexpr std::uint64_t most_dimensions = 65536;
  static constexpr std::uint64_t most_rows = 100'000'000;  ///< no slide has more tiles

  /// Device, inode, size and times of a file.
  using FileState = std::array<std::uint64_t, 7>;

  /// `selected`: rows to read, sorted; those that the file does not have are refused. Null: all of them.
  explicit H5Features(const std::filesystem::path& file,
                      const std::vector<std::uint64_t>* selected = nullptr);

  const FeatureFacts& facts() const { return facts_; }
  /// Reads the next `rows` rows, which must still be there, row by row.
  void read(float* to, std::uint64_t rows);

 private:
  void read_here(float* to, std::uint64_t rows);
  void read_by_process(float* to, std::uint64_t rows);

  std::filesystem::path path_;
  bool whole_;
  std::optional<FileState> state_of_file_;
  FeatureFacts facts_;
  std::uint64_t done_ = 0;  // rows
  std::string message_;     // rows received
  std::size_t used_ = 0;
  std::string name_;  // of the dataset
  std::optional<H5Reader> file_;
  std::optional<Isolated> process_;  // either of them
};

/// Where the tiles are: `coords` as the file has them, two numbers a tile: level-0 pixels, of STAMP microns.
/// None where there is no such dataset. Throws Error when there are not as many as tiles.
std::vector<double> read_h5_places(const std::filesystem::path& file);

}  // namespace flowrun::wsi
