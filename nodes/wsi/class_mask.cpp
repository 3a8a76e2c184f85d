// SPDX-License-Identifier: Apache-2.0
#include <flowrun/wsi/class_mask.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <utility>

namespace flowrun::wsi {
namespace {

cv::Rect2d bounds_of(const Region& region) {
  if (region.rings.empty() || region.rings.front().empty()) return {};
  cv::Point2d low = region.rings.front().front(), high = low;
  for (const auto& ring : region.rings)
    for (const cv::Point2d& p : ring) {
      low = {std::min(low.x, p.x), std::min(low.y, p.y)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y)};
    }
  return {low, high};
}

}  // namespace

ClassMask::ClassMask(std::vector<Class> classes, std::vector<Region> regions, std::int64_t slide_width,
                     std::int64_t slide_height)
    : classes_(std::move(classes)),
      regions_(std::move(regions)),
      slide_width_(slide_width),
      slide_height_(slide_height) {
  std::sort(classes_.begin(), classes_.end(),
            [](const Class& a, const Class& b) { return a.value < b.value; });
  for (const Region& region : regions_) bounds_.push_back(bounds_of(region));
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
  const cv::Point2d origin(static_cast<double>(x), static_cast<double>(y));
  for (std::size_t i = 0; i < regions_.size(); ++i) {
    const cv::Rect2d& b = bounds_[i];
    if (b.br().x / downsample < origin.x || b.br().y / downsample < origin.y ||
        b.x / downsample >= origin.x + values.cols || b.y / downsample >= origin.y + values.rows)
      continue;
    std::vector<std::vector<cv::Point>> rings;
    for (const auto& ring : regions_[i].rings) {
      auto& points = rings.emplace_back();
      for (const cv::Point2d& p : ring)
        points.emplace_back(static_cast<int>(p.x / downsample) - static_cast<int>(x),
                            static_cast<int>(p.y / downsample) - static_cast<int>(y));
    }
    cv::fillPoly(values, rings, cv::Scalar(regions_[i].value));
  }
}

std::size_t ClassMask::bytes() const {
  std::size_t sum = sizeof *this;
  for (const Region& region : regions_)
    for (const auto& ring : region.rings) sum += sizeof ring + ring.capacity() * sizeof ring.front();
  return sum + regions_.size() * (sizeof(Region) + sizeof(cv::Rect2d));
}

}  // namespace flowrun::wsi
