// SPDX-License-Identifier: Apache-2.0
#include "selection.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace flowrun::wsi {
namespace {

constexpr std::size_t class_values = 256;

std::vector<bool> wanted_values(const std::vector<std::string>& names, const ClassMask* classes) {
  std::vector<bool> wanted(class_values, names.empty());
  wanted[0] = false;
  if (!classes) return wanted;
  for (const std::string& name : names) {
    const Class* found = classes->find(name);
    if (!found) {
      std::vector<std::string> known;
      for (const Class& c : classes->classes()) known.push_back(c.name);
      throw Error(fmt::format("tiles of class '{}' are asked for, but the annotations know {}", name,
                              known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))));
    }
    wanted[found->value] = true;
  }
  return wanted;
}

}  // namespace

Selection::Selection(SelectionRules rules, const Slide& slide, std::shared_ptr<const Mask> mask,
                     std::shared_ptr<const ClassMask> classes)
    : rules_(std::move(rules)),
      slide_width_(slide.facts().width()),
      slide_height_(slide.facts().height()),
      mask_(std::move(mask)),
      classes_(std::move(classes)),
      wanted_(wanted_values(rules_.classes, classes_.get())) {}

std::optional<Chosen> Selection::choose(const Cell& cell, double extent) {
  Chosen chosen{cell, {}, rules_.no_class};
  if (mask_) {
    chosen.coverage = mask_->coverage(cell.x, cell.y, extent) * share_on_slide(cell, extent);
    if (*chosen.coverage < rules_.min_coverage) return {};
  }
  if (!classes_) return chosen;
  int pixels = 0, wanted = 0;
  const std::vector<int> counts = count_classes(cell, extent, pixels);
  for (std::size_t value = 1; value < class_values; ++value)
    if (wanted_[value]) wanted += counts[value];
  if (wanted < rules_.min_class_coverage * pixels) return {};
  chosen.label = label_of(counts, pixels);
  return chosen;
}

std::vector<int> Selection::count_classes(const Cell& cell, double extent, int& pixels) {
  const cv::Size whole = classes_->size(rules_.class_downsample);
  const cv::Rect window = mask_window(whole, slide_width_, slide_height_, cell.x, cell.y, extent);
  window_.create(window.size(), CV_8UC1);
  classes_->draw(rules_.class_downsample, window.x, window.y, window_);
  std::vector<int> counts(class_values, 0);
  for (int row = 0; row < window_.rows; ++row)
    for (const std::uint8_t *value = window_.ptr(row), *end = value + window_.cols; value != end; ++value)
      ++counts[*value];
  pixels = static_cast<int>(std::lround(window.area() / share_on_slide(cell, extent)));
  counts[0] += pixels - window.area();
  return counts;
}

double Selection::share_on_slide(const Cell& cell, double extent) const {
  const auto inside = [extent](std::int64_t at, std::int64_t whole) {
    const auto from = static_cast<double>(at), to = from + extent, end = static_cast<double>(whole);
    if (from >= 0 && to <= end) return 1.0;
    return std::clamp((std::min(to, end) - std::max(from, 0.0)) / extent, 1e-9, 1.0);
  };
  return inside(cell.x, slide_width_) * inside(cell.y, slide_height_);
}

const std::string& Selection::label_of(const std::vector<int>& counts, int pixels) const {
  const bool by_share = rules_.label_by == LabelBy::share;
  const auto most = std::max_element(counts.begin() + by_share, counts.end());
  const bool enough = !by_share || (*most > 0 && *most >= rules_.min_label_share * pixels);
  const Class* found = enough ? classes_->find(static_cast<std::uint8_t>(most - counts.begin())) : nullptr;
  return found ? found->name : rules_.no_class;
}

}  // namespace flowrun::wsi
