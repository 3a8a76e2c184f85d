// SPDX-License-Identifier: Apache-2.0
#include "slide_score.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nodes/table/table_text.h"

namespace flowrun::wsi {
namespace {

std::size_t largest(const std::vector<double>& numbers) {
  return static_cast<std::size_t>(std::ranges::max_element(numbers) - numbers.begin());
}

}  // namespace

Probabilities::Probabilities(const Tile& tile) {
  constexpr std::string_view prefix = "p_";
  for (const auto& [name, value] : tile.values)
    if (name.starts_with(prefix)) {
      classes.push_back(name.substr(prefix.size()));
      of.push_back(value);
    }
  if (of.empty())
    throw Error(
        fmt::format("the tile at x {}, y {} has no probabilities: take tiles from a node of type predict",
                    tile.x, tile.y));
}

std::size_t Probabilities::predicted() const {
  return largest(of);
}

void SlideScore::add(const Tile& tile, const Probabilities& tile_says) {
  if (empty()) {
    classes_ = tile_says.classes;
    sums_.resize(classes_.size());
    predicted_.resize(classes_.size());
    label_ = tile.label;
  }
  if (tile_says.classes != classes_)
    throw Error(fmt::format("the tile at x {}, y {} has probabilities of {}, those before of {}", tile.x,
                            tile.y, fmt::join(tile_says.classes, ", "), fmt::join(classes_, ", ")));
  for (std::size_t c = 0; c < classes_.size(); ++c) sums_[c] += tile_says.of[c];
  ++predicted_[tile_says.predicted()];
  ++tiles_;
  one_label_ &= tile.label == label_;
}

std::string SlideScore::table(const std::string& slide) const {
  if (empty()) return {};
  std::vector<std::string> columns{"slide", "tiles", "label", "predicted"};
  std::vector<TableCell> cells{slide, tiles_, one_label_ ? label_ : std::string_view(),
                               classes_[largest(sums_)]};
  const auto count = static_cast<double>(tiles_);
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    columns.push_back("p_" + classes_[c]);
    cells.emplace_back(sums_[c] / count);
  }
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    columns.push_back("share_" + classes_[c]);
    cells.emplace_back(static_cast<double>(predicted_[c]) / count);
  }
  const TableText text(TableText::Format::csv, columns);
  return text.header() + text.row(cells);
}

}  // namespace flowrun::wsi
