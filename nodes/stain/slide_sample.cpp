// SPDX-License-Identifier: Apache-2.0
#include "slide_sample.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "nodes/base/random.h"
#include "nodes/slide/picture.h"

namespace flowrun::wsi {
namespace {

constexpr int side = 256;
constexpr int tries = 4;  // squares looked at for each that is wanted
constexpr int look_step = 4;
constexpr double least_stained = 0.1;
constexpr double coverages[] = {0.5, 0.1, 0.0};

struct Square {
  std::uint64_t chance;
  std::int64_t x, y;  // pixels of the picture
  auto operator<=>(const Square&) const = default;
};

/// The squares with the lowest numbers among those that the mask covers, in that order.
std::vector<Square> draw(const Slide& slide, const Picture& picture, cv::Size square, const Mask* mask,
                         double coverage, const SlideSample& wanted) {
  const std::uint64_t of_slide = chance_of(wanted.seed, slide.facts().name);
  const auto most = static_cast<std::size_t>(wanted.windows) * tries;
  // A downsample like 0.3 / 0.1 is a bit below 3: rounded down, the window would begin a mask pixel too
  // early.
  const auto level0 = [&](std::int64_t pixels) {
    constexpr double digits = 1e-6;
    const double exact = static_cast<double>(pixels) * picture.downsample(), whole = std::round(exact);
    return std::abs(exact - whole) < digits ? whole : exact;
  };
  std::vector<Square> lowest;  // a heap with the highest on top
  for (std::int64_t y = 0; y + square.height <= picture.size().height; y += square.height)
    for (std::int64_t x = 0; x + square.width <= picture.size().width; x += square.width) {
      const Square one{chance_at(of_slide, x, y), x, y};
      if (lowest.size() == most && lowest.front() < one) continue;
      if (mask) {
        const double covered = mask->coverage(static_cast<std::int64_t>(level0(x)),
                                              static_cast<std::int64_t>(level0(y)), level0(square.width));
        if (covered == 0 || covered < coverage) continue;
      }
      lowest.push_back(one);
      std::ranges::push_heap(lowest);
      if (lowest.size() <= most) continue;
      std::ranges::pop_heap(lowest);
      lowest.pop_back();
    }
  std::ranges::sort_heap(lowest);
  return lowest;
}

bool shows_stain(const cv::Mat& rgb, const Densitometry& light) {
  const StainedMoments moments = stained_moments(rgb, light, look_step);
  const double looked_at = static_cast<double>(rgb.total()) / (look_step * look_step);
  return static_cast<double>(moments.pixels) >= least_stained * looked_at && has_stain(moments, light);
}

}  // namespace

std::size_t SlideSample::bytes() const {
  constexpr std::size_t pixels = std::size_t{side} * side;
  return static_cast<std::size_t>(windows) * (pixels * 3 + tries * sizeof(Square)) + Picture::read_bytes();
}

cv::Mat sample_tissue(const Slide& slide, const Mask* mask, const Densitometry& light,
                      const SlideSample& wanted) {
  const Picture picture = Picture::at(slide, {{}, {}, std::max(1.0, wanted.downsample)});
  const cv::Size square(std::min(side, picture.size().width), std::min(side, picture.size().height));
  std::vector<Square> squares;
  for (const double coverage : coverages) {
    squares = draw(slide, picture, square, mask, coverage, wanted);
    if (!mask || !squares.empty()) break;
  }
  cv::Mat sample(wanted.windows * square.height, square.width, CV_8UC3);
  int rows = 0;
  for (const Square& one : squares) {
    if (rows == sample.rows) break;
    cv::Mat rgb = sample.rowRange(rows, rows + square.height);
    picture.read(one.x, one.y, rgb);
    if (shows_stain(rgb, light)) rows += square.height;
  }
  return sample.rowRange(0, rows);
}

}  // namespace flowrun::wsi
