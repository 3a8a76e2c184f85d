// SPDX-License-Identifier: Apache-2.0
#include "slide_score.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nodes/slide/prediction_names.h"
#include "nodes/table/table_text.h"

namespace flowrun::wsi {
namespace {

std::size_t largest(const std::vector<double>& numbers) {
  return static_cast<std::size_t>(std::ranges::max_element(numbers) - numbers.begin());
}

}  // namespace

Predictions::Predictions(const Tile& tile) {
  for (const std::string_view one : {class_probability, label_probability, predicted_number})
    for (const auto& [name, value] : tile.values) {
      if (!name.starts_with(one)) continue;
      if (!prefix.empty() && prefix != one)
        throw Error(
            fmt::format("the tile at x {}, y {} has {}{} and {}: predictions of one task at a time can be "
                        "saved",
                        tile.x, tile.y, prefix, names.front(), name));
      prefix = one;
      names.push_back(name.substr(one.size()));
      of.push_back(value);
      const auto threshold = std::ranges::find(tile.values, decision_threshold + names.back(),
                                               &std::pair<std::string, double>::first);
      thresholds.push_back(threshold != tile.values.end() ? std::optional(threshold->second) : std::nullopt);
    }
  if (of.empty())
    throw Error(
        fmt::format("the tile at x {}, y {} has no probabilities: take tiles from a node of type predict",
                    tile.x, tile.y));
  const bool decided = std::ranges::any_of(thresholds, [](const auto& one) { return one.has_value(); });
  if (prefix == class_probability && decided && of.size() != 2)
    throw Error(fmt::format(
        "the tile at x {}, y {} has a threshold of two classes, and probabilities of {} ({}): predictions of "
        "one model at a time can be saved",
        tile.x, tile.y, of.size(), fmt::join(names, ", ")));
}

std::vector<std::pair<std::string, double>> Predictions::columns() const {
  std::vector<std::pair<std::string, double>> all;
  for (std::size_t i = 0; i < names.size(); ++i) all.emplace_back(prefix + names[i], of[i]);
  for (std::size_t i = 0; i < names.size(); ++i)
    if (thresholds[i]) all.emplace_back(decision_threshold + names[i], *thresholds[i]);
  return all;
}

std::string Predictions::kind() const {
  if (prefix == class_probability) return "class";
  return prefix == label_probability ? "label" : "number";
}

bool Predictions::names_something() const {
  return prefix != predicted_number;
}

bool Predictions::is(std::size_t which) const {
  if (prefix == label_probability) return of[which] >= thresholds[which].value_or(0.5);
  if (of.size() == 2 && thresholds[1]) return which == (of[1] >= *thresholds[1] ? 1 : 0);
  return which == largest(of);
}

std::string Predictions::predicted() const {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (is(i)) text += (text.empty() ? "" : ": ") + names[i];
  return text;
}

void SlideScore::add(const Tile& tile, const Predictions& tile_says) {
  if (empty()) {
    sums_ = tile_says;
    std::ranges::fill(sums_->of, 0);
    predicted_.resize(tile_says.of.size());
    label_ = tile.label;
  }
  if (tile_says.prefix != sums_->prefix || tile_says.names != sums_->names)
    throw Error(fmt::format("the tile at x {}, y {} has predictions of {}, those before of {}", tile.x,
                            tile.y, fmt::join(tile_says.names, ", "), fmt::join(sums_->names, ", ")));
  for (std::size_t i = 0; i < tile_says.of.size(); ++i) {
    sums_->of[i] += tile_says.of[i];
    predicted_[i] += tile_says.is(i);
  }
  ++tiles_;
  one_label_ &= tile.label == label_;
}

Predictions SlideScore::means() const {
  Predictions out = *sums_;
  for (double& number : out.of) number /= static_cast<double>(tiles_);
  return out;
}

std::vector<std::pair<std::string, double>> SlideScore::numbers() const {
  if (empty()) return {};
  const Predictions means_of_all = means();
  std::vector<std::pair<std::string, double>> out;
  for (std::size_t i = 0; i < means_of_all.of.size(); ++i)
    out.emplace_back(means_of_all.prefix + means_of_all.names[i], means_of_all.of[i]);
  for (std::size_t i = 0; i < predicted_.size() && means_of_all.names_something(); ++i)
    out.emplace_back("share_" + means_of_all.names[i],
                     static_cast<double>(predicted_[i]) / static_cast<double>(tiles_));
  return out;
}

std::string SlideScore::table(const std::string& slide) const {
  if (empty()) return {};
  const auto count = static_cast<double>(tiles_);
  const Predictions means = this->means();
  std::vector<std::string> columns{"slide", "tiles", "label"};
  std::vector<TableCell> cells{slide, tiles_, one_label_ ? label_ : std::string_view()};
  const std::string predicted = means.predicted();
  if (means.names_something()) {
    columns.emplace_back("predicted");
    cells.emplace_back(predicted);
  }
  for (const auto& [name, number] : means.columns()) {
    columns.push_back(name);
    cells.emplace_back(number);
  }
  for (std::size_t i = 0; i < means.of.size() && means.names_something(); ++i) {
    columns.push_back("share_" + means.names[i]);
    cells.emplace_back(static_cast<double>(predicted_[i]) / count);
  }
  const TableText text(TableText::Format::csv, columns);
  return text.header() + text.row(cells);
}

}  // namespace flowrun::wsi
