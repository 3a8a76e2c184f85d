// SPDX-License-Identifier: Apache-2.0
#include "samples.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sampling.h"

namespace flowrun::wsi {
namespace {

Sampling sampling_of(const Slide& slide, const Samples::Row& row, int size) {
  if (row.extent) return Sampling::at_downsample(slide, std::max(1.0, *row.extent / size));
  if (row.mpp && slide.facts().mpp) return Sampling::of_tiles(slide, *row.mpp);
  return Sampling::at_level(slide, row.level);
}

}  // namespace

std::size_t Samples::bytes() const {
  std::size_t bytes = rows.capacity() * sizeof(Row) + slides.size() * (sizeof(SlideEntry) + 200);
  for (const Row& row : rows) bytes += row.image.capacity();
  return bytes;
}

std::string Samples::name_of(const Row& row) const {
  if (!tables.empty()) return fmt::format("{}:{}", tables[row.table], row.line);
  return fmt::format("{}, x {}, y {}", slides[row.slide].file.name, row.x, row.y);
}

std::uint32_t Samples::index_of(std::vector<std::string>& names, const std::string& name) {
  const auto it = std::find(names.begin(), names.end(), name);
  if (it != names.end()) return static_cast<std::uint32_t>(it - names.begin());
  names.push_back(name);
  return static_cast<std::uint32_t>(names.size() - 1);
}

SlideWindow window_of(const Slide& slide, const Samples::Row& row, int size) {
  const Sampling sampling = sampling_of(slide, row, size);
  const double downsample = slide.level(sampling.level).downsample;
  SlideWindow window;
  window.level = sampling.level;
  window.side = sampling.window(size);
  window.extent = size * sampling.ratio * downsample;
  const auto begin = [&](std::int64_t pixel, std::int64_t side, std::int64_t slide_side) {
    const auto from = static_cast<double>(pixel);
    return window_begin(from / downsample, window.side, side, lies_within(from, window.extent, slide_side));
  };
  window.column = begin(row.x, slide.level(sampling.level).width, slide.facts().width());
  window.row = begin(row.y, slide.level(sampling.level).height, slide.facts().height());
  const auto outside = [&](std::int64_t from, std::int64_t side) {
    return from >= side || static_cast<double>(from) + window.extent <= 0;
  };
  if (outside(row.x, slide.facts().width()) || outside(row.y, slide.facts().height()))
    throw Error(fmt::format("the tile at x {}, y {} is outside of {} ({} x {} pixels)", row.x, row.y,
                            slide.facts().path.string(), slide.facts().width(), slide.facts().height()));
  return window;
}

}  // namespace flowrun::wsi
