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
  bytes += target_values.capacity() * sizeof(float);
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
  SlideWindow window;
  window.level = sampling.level;
  window.extent = size * sampling.ratio * slide.level(sampling.level).downsample;
  const LevelWindow at = window_at(slide, sampling.level, row.x, row.y, window.extent, sampling.window(size));
  window.column = at.column;
  window.row = at.row;
  window.side = at.side;
  const auto outside = [&](std::int64_t from, std::int64_t side) {
    return from >= side || static_cast<double>(from) + window.extent <= 0;
  };
  if (outside(row.x, slide.facts().width()) || outside(row.y, slide.facts().height()))
    throw Error(fmt::format("the tile at x {}, y {} is outside of {} ({} x {} pixels)", row.x, row.y,
                            slide.facts().path.string(), slide.facts().width(), slide.facts().height()));
  return window;
}

}  // namespace flowrun::wsi
