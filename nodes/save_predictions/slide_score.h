// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/tile.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace flowrun::wsi {

/// What a model says of a tile: its values p_<class>, has_<label> or predicted_<target>; and
/// threshold_<class> or threshold_<label>, of models that have one.
struct Predictions {
  std::string prefix;              ///< which of these
  std::vector<std::string> names;  ///< without it, in their order
  std::vector<double> of;          ///< by name: probabilities, or numbers
  /// By name: the probability from which on it is said; none: of any.
  std::vector<std::optional<double>> thresholds;

  /// Throws Error when the tile has none, or some of several models with different tasks.
  explicit Predictions(const Tile& tile);
  /// What tables have of it, by column.
  std::vector<std::pair<std::string, double>> columns() const;
  /// What the names are: "class", "label" or "number".
  std::string kind() const;
  /// Classes or labels, which a tile is of; else numbers.
  bool names_something() const;
  /// Whether the tile is predicted to be of a class (the likeliest, the first of equals, or by the threshold
  /// of the second of two), or to have a label (its probability is its threshold, else 0.5, or more).
  bool is(std::size_t which) const;
  /// The class, or the labels as QuPath writes several: "a: b"; empty: none.
  std::string predicted() const;
};

/// What a slide's tiles say together. Not thread-safe.
class SlideScore {
 public:
  /// Throws Error when the names are others than those of the tiles before.
  void add(const Tile& tile, const Predictions& tile_says);
  bool empty() const { return tiles_ == 0; }
  /// A table with a header and the slide's row: slide, tiles, label (of all its tiles, or nothing), predicted
  /// (by the means), then for each name p_<class> or its like, the mean of the tiles, threshold_<class> where
  /// the model has one, and share_<class>, the share of tiles that are predicted to be of it, or to have it.
  /// Of numbers there are means only. Nothing when there was no tile.
  std::string table(const std::string& slide) const;
  /// The means and shares of that table, by name; none when there was no tile.
  std::vector<std::pair<std::string, double>> numbers() const;

 private:
  Predictions means() const;

  std::optional<Predictions> sums_;       // of tiles
  std::vector<std::uint64_t> predicted_;  // tiles by name
  std::uint64_t tiles_ = 0;
  std::string label_;
  bool one_label_ = true;
};

}  // namespace flowrun::wsi
