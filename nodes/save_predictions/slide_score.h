// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/tile.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// The classes that a tile has probabilities of, in their order: its values p_<class>.
struct Probabilities {
  std::vector<std::string> classes;
  std::vector<double> of;  ///< by class

  /// Throws Error when the tile has none.
  explicit Probabilities(const Tile& tile);
  /// The index of the likeliest class, the first of equals.
  std::size_t predicted() const;
};

/// What a slide's tiles say together. Not thread-safe.
class SlideScore {
 public:
  /// Throws Error when the classes are others than those of the tiles before.
  void add(const Tile& tile, const Probabilities& tile_says);
  bool empty() const { return tiles_ == 0; }
  /// A table with a header and the slide's row: slide, tiles, label (of all its tiles, or nothing), predicted
  /// (the class with the largest mean), then for each class p_<class>, the mean of the probabilities, and
  /// share_<class>, the share of tiles that are predicted to be of it. Nothing when there was no tile.
  std::string table(const std::string& slide) const;

 private:
  std::vector<std::string> classes_;
  std::vector<double> sums_;              // by class
  std::vector<std::uint64_t> predicted_;  // tiles by class
  std::uint64_t tiles_ = 0;
  std::string label_;
  bool one_label_ = true;
};

}  // namespace flowrun::wsi
