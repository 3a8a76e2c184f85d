// SPDX-License-Identifier: Apache-2.0
#include "histogram.h"

#include <cstdint>
#include <cstring>
#include <mutex>

#include "bands.h"

namespace flowrun::wsi {
namespace {

using Counts = std::array<std::uint32_t, 256>;

/// Neighbours are often equal, and a processor waits to count what it has just counted: so they are counted
/// apart. cv::calcHist does not: with it, finding tissue on a small slide and cutting it takes 4 % longer.
/// cv::threshold finds the same threshold in 1.4 times the time (4096 x 4096 pixels, two cores).
void count_row(const std::uint8_t* pixels, int cols, std::array<Counts, 8>& counts) {
  int col = 0;
  for (; col + 8 <= cols; col += 8) {
    std::uint64_t eight;
    std::memcpy(&eight, pixels + col, sizeof eight);
    for (std::size_t i = 0; i < 8; ++i) ++counts[i][eight >> 8 * i & 255];
  }
  for (; col < cols; ++col) ++counts[0][pixels[col]];
}

}  // namespace

Histogram histogram(const cv::Mat& image) {
  Histogram all{};
  std::mutex mutex;
  for_each_band(image.rows, [&](cv::Range band) {
    std::array<Counts, 8> counts{};
    for (int row = band.start; row < band.end; ++row)
      count_row(image.ptr<std::uint8_t>(row), image.cols, counts);
    const std::scoped_lock lock(mutex);
    for (const Counts& part : counts)
      for (std::size_t value = 0; value < all.size(); ++value) all[value] += part[value];
  });
  return all;
}

}  // namespace flowrun::wsi
