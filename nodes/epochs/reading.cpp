// SPDX-License-Identifier: Apache-2.0
#include "reading.h"

#include <flowrun/error.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "nodes/slide/picture.h"

namespace flowrun::wsi {
namespace {

/// Bytes to read a sample from a window of so many pixels a side.
std::size_t reading_bytes(int side, int size) {
  if (side <= size) return 0;
  // Windows that are smaller than the largest, and read at once, may need more.
  return std::max(read_scaled_bytes({side, side}, {size, size}),
                  is_read_in_blocks({side, side}) ? read_scaled_bytes() : 0);
}

}  // namespace

std::size_t most_reading_bytes(const Samples& samples) {
  constexpr double most = 1 << 20;  // pixels a side: far more than are read at once
  std::size_t bytes = 0;
  for (const Samples::Row& row : samples.rows)
    if (row.image.empty() && row.size > 0 && row.extent)
      bytes =
          std::max(bytes, reading_bytes(static_cast<int>(std::ceil(std::min(*row.extent, most))), row.size));
  return bytes;
}

Reading reading_of(const Samples& samples, OpenSlides& slides) {
  std::map<std::uint32_t, std::set<std::tuple<double, double, int>>> resolutions;
  for (const Samples::Row& row : samples.rows)
    if (row.image.empty() && (row.extent || row.mpp))
      resolutions[row.slide].insert({row.extent.value_or(0), row.mpp.value_or(0), row.size});
  Reading reading;
  for (const auto& [slide, of_slide] : resolutions)
    for (const auto& [extent, mpp, size] : of_slide) {
      Samples::Row row;
      if (extent > 0) row.extent = extent;
      if (mpp > 0) row.mpp = mpp;
      const int tile_side = size > 0 ? size : 1000;
      try {
        const int side = window_of(*slides.get(slide), row, tile_side).side;
        if (size > 0)
          reading.bytes = std::max(reading.bytes, reading_bytes(side, size));
        else
          reading.largest_ratio = std::max(reading.largest_ratio, static_cast<double>(side) / tile_side);
      } catch (const Error&) {
      }
    }
  return reading;
}

}  // namespace flowrun::wsi
