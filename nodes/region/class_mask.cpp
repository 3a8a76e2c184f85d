// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <flowrun/wsi/class_mask.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "region_index.h"

namespace flowrun::wsi {
namespace {

/// Rows drawn at a time: the crossings of more are not kept.
constexpr std::int64_t band_rows = 64;

void check(const std::vector<Region>& regions) {
  for (const Region& region : regions)
    for (const auto& ring : region.rings)
      for (const cv::Point2d& p : ring)
        if (!std::isfinite(p.x) || !std::isfinite(p.y))
          throw Error(fmt::format("region {} has the point ({}, {}); coordinates are finite numbers",
                                  &region - regions.data() + 1, p.x, p.y));
}

}  // namespace

ClassMask::ClassMask(std::vector<Class> classes, std::vector<Region> regions, std::int64_t slide_width,
                     std::int64_t slide_height)
    : classes_(std::move(classes)), slide_width_(slide_width), slide_height_(slide_height) {
  check(regions);
  std::stable_sort(classes_.begin(), classes_.end(),
                   [](const Class& a, const Class& b) { return a.value < b.value; });
  index_ = std::make_shared<const RegionIndex>(regions);
  regions_ = std::make_shared<const std::vector<Region>>(std::move(regions));
}

const Class* ClassMask::find(std::uint8_t value) const {
  const auto it =
      std::find_if(classes_.begin(), classes_.end(), [&](const Class& c) { return c.value == value; });
  return it == classes_.end() ? nullptr : &*it;
}

const Class* ClassMask::find(std::string_view name) const {
  const auto it =
      std::find_if(classes_.begin(), classes_.end(), [&](const Class& c) { return c.name == name; });
  return it == classes_.end() ? nullptr : &*it;
}

cv::Size ClassMask::size(double downsample) const {
  const auto side = [&](std::int64_t pixels) {
    return std::max(1, static_cast<int>(static_cast<double>(pixels) / downsample));
  };
  return {side(slide_width_), side(slide_height_)};
}

void ClassMask::draw(double downsample, std::int64_t x, std::int64_t y, cv::Mat& values) const {
  values.setTo(0);
  const cv::Size whole = size(downsample);
  const std::int64_t left = std::max<std::int64_t>(x, 0), top = std::max<std::int64_t>(y, 0);
  const std::int64_t right = std::min<std::int64_t>(x + values.cols, whole.width);
  const std::int64_t bottom = std::min<std::int64_t>(y + values.rows, whole.height);
  if (left >= right) return;
  for (std::int64_t row = top; row < bottom; row += band_rows) {
    const cv::Rect band(static_cast<int>(left - x), static_cast<int>(row - y), static_cast<int>(right - left),
                        static_cast<int>(std::min(band_rows, bottom - row)));
    index_->draw(*regions_, downsample, left, row, values(band));
  }
}

std::size_t ClassMask::bytes() const {
  std::size_t sum = sizeof *this + index_->bytes();
  for (const Region& region : *regions_) {
    sum += sizeof region;
    for (const auto& ring : region.rings) sum += sizeof ring + ring.capacity() * sizeof ring.front();
  }
  return sum;
}

}  // namespace flowrun::wsi
