// SPDX-License-Identifier: Apache-2.0
#include "picture.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <opencv2/imgproc.hpp>

#include "area_average.h"
#include "sampling.h"

namespace flowrun::wsi {
namespace {

/// Level pixels read in one piece: what a read takes does not depend on how much finer the level is.
constexpr int block_side = 512;

/// Pixels of a window that are read in one piece.
constexpr std::int64_t most_read_at_once = 2048 * 2048;

constexpr std::size_t bytes_per_pixel = 3 + PixelReader::scratch_per_pixel;

/// As Slide::level_for has it.
constexpr double same_resolution = 0.005;

/// OpenSlide derives a level's downsample from sizes, which scanners round: 4 is then 4.0001, and the far end
/// of the slide would be pixels off.
double exact_downsample(const Slide& slide, int level) {
  const Level& whole = slide.level(0);
  const Level& smaller = slide.level(level);
  for (const double meant :
       {std::exp2(std::round(std::log2(smaller.downsample))), std::round(smaller.downsample)}) {
    const auto fits = [&](std::int64_t from, std::int64_t to) {
      return std::abs(static_cast<double>(from) / meant - static_cast<double>(to)) < 1;
    };
    if (fits(whole.width, smaller.width) && fits(whole.height, smaller.height)) return meant;
  }
  return smaller.downsample;
}

cv::Size size_at(const Slide& slide, double downsample) {
  const auto side = [&](std::int64_t pixels) {
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(pixels) / downsample));
  };
  return picture_size(slide, side(slide.level(0).width), side(slide.level(0).height));
}

}  // namespace

void read_scaled(const Slide& slide, int level, std::int64_t x, std::int64_t y, cv::Size window,
                 cv::Mat& rgb) {
  if (window == rgb.size()) return slide.read(level, x, y, rgb);
  if (is_read_in_blocks(window)) return read_area_average(slide, level, x, y, window, rgb);
  cv::Mat fine(window, CV_8UC3);
  slide.read(level, x, y, fine);
  cv::resize(fine, rgb, rgb.size(), 0, 0, cv::INTER_AREA);
}

bool is_read_in_blocks(cv::Size window) {
  return std::int64_t{window.width} * window.height > most_read_at_once;
}

std::size_t read_scaled_bytes(cv::Size window, cv::Size size) {
  const auto pixels = [](cv::Size s) {
    return static_cast<std::size_t>(s.width) * static_cast<std::size_t>(s.height);
  };
  if (window == size) return pixels(window) * PixelReader::scratch_per_pixel;
  if (is_read_in_blocks(window)) return area_average_bytes(window, size);
  return pixels(window) * bytes_per_pixel;
}

std::size_t read_scaled_bytes() {
  return most_read_at_once * bytes_per_pixel;
}

cv::Size picture_size(const Slide& slide, std::int64_t width, std::int64_t height) {
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  if (width > most || height > most)
    throw Error(
        fmt::format("{}: a picture of {} x {} pixels cannot be written; at most {} a side: choose a coarser "
                    "resolution, if there is a choice",
                    slide.facts().path.string(), width, height, most));
  return {static_cast<int>(width), static_cast<int>(height)};
}

void Resolution::check() const {
  if (level.has_value() + mpp.has_value() + downsample.has_value() > 1)
    throw OptionError(mpp ? "mpp" : "downsample", "the resolution is given twice",
                      "one of level, downsample, mpp");
}

Picture::Picture(const Slide& slide, double downsample, cv::Size size)
    : Picture(slide, downsample, size, slide.level_for(downsample)) {}

Picture::Picture(const Slide& slide, double downsample, cv::Size size, int level)
    : slide_(slide),
      downsample_(downsample),
      size_(size),
      level_(level),
      ratio_(downsample / exact_downsample(slide, level)) {}

Picture Picture::at_level(const Slide& slide, int level) {
  if (level >= slide.level_count())
    throw Error(fmt::format("{}: level {} was asked for, but the slide has {} (0 to {})",
                            slide.facts().path.string(), level, slide.level_count(),
                            slide.level_count() - 1));
  const Level& l = slide.level(level);
  return {slide, exact_downsample(slide, level), picture_size(slide, l.width, l.height)};
}

Picture Picture::at_downsample(const Slide& slide, double downsample) {
  const int level = slide.level_for(downsample);
  if (std::abs(downsample / slide.level(level).downsample - 1) <= same_resolution)
    return at_level(slide, level);
  return {slide, downsample, size_at(slide, downsample)};
}

Picture Picture::at(const Slide& slide, const Resolution& resolution) {
  if (resolution.downsample) return at_downsample(slide, *resolution.downsample);
  if (!resolution.mpp) return at_level(slide, resolution.level.value_or(0));
  const double own = slide.facts().mpp_or_throw();
  if (own / *resolution.mpp - 1 > default_mpp_tolerance)
    throw Error(fmt::format("{}: {} microns per pixel were asked for, but the slide's finest level has {}",
                            slide.facts().path.string(), *resolution.mpp, own));
  return at_downsample(slide, std::max(1.0, *resolution.mpp / own));
}

Picture Picture::half_of_last(const Slide& slide) {
  const int last = slide.level_count() - 1;
  Picture picture = at_level(slide, last).halved();
  picture.level_ = last;
  picture.ratio_ = 2;
  return picture;
}

Picture Picture::halved() const {
  return {slide_, 2 * downsample_, {std::max(1, size_.width / 2), std::max(1, size_.height / 2)}};
}

std::optional<double> Picture::mpp() const {
  if (const auto own = slide_.facts().mpp) return *own * downsample_;
  return {};
}

std::size_t Picture::read_bytes() {
  constexpr auto side = static_cast<std::size_t>(block_side) + 2;
  return side * side * (3 + PixelReader::scratch_per_pixel);
}

void Picture::read(std::int64_t x, std::int64_t y, cv::Mat& rgb) const {
  const auto inside = [](std::int64_t from, int length, int whole) {
    return cv::Range(static_cast<int>(std::clamp<std::int64_t>(-from, 0, length)),
                     static_cast<int>(std::clamp<std::int64_t>(whole - from, 0, length)));
  };
  const cv::Range cols = inside(x, rgb.cols, size_.width), rows = inside(y, rgb.rows, size_.height);
  if (cols.size() < rgb.cols || rows.size() < rgb.rows) {
    const auto& b = slide_.facts().background;
    rgb.setTo(cv::Scalar(b[0], b[1], b[2]));
  }
  const int step = std::max(1, static_cast<int>(block_side / ratio_));
  for (int row = rows.start; row < rows.end; row += step)
    for (int col = cols.start; col < cols.end; col += step)
      read_block(x + col, y + row,
                 rgb(cv::Range(row, std::min(row + step, rows.end)),
                     cv::Range(col, std::min(col + step, cols.end))));
}

/// A block within the picture.
void Picture::read_block(std::int64_t x, std::int64_t y, cv::Mat rgb) const {
  const Level& level = slide_.level(level_);
  struct Side {
    std::int64_t from;
    int wanted, there;  // pixels of the level
  };
  const auto side = [this](std::int64_t from, int length, std::int64_t whole) {
    const auto edge = [this](std::int64_t at) { return std::llround(static_cast<double>(at) * ratio_); };
    const std::int64_t first = std::min<std::int64_t>(edge(from), whole - 1);
    const std::int64_t wanted = std::max<std::int64_t>(edge(from + length) - first, 1);
    return Side{first, static_cast<int>(wanted), static_cast<int>(std::min(wanted, whole - first))};
  };
  const Side w = side(x, rgb.cols, level.width), h = side(y, rgb.rows, level.height);
  const cv::Size window(w.wanted, h.wanted);
  if (w.there == w.wanted && h.there == h.wanted)
    return read_scaled(slide_, level_, w.from, h.from, window, rgb);
  cv::Mat fine(window, CV_8UC3);
  cv::Mat there = fine(cv::Rect(0, 0, w.there, h.there));
  slide_.read(level_, w.from, h.from, there);
  cv::copyMakeBorder(there, fine, 0, h.wanted - h.there, 0, w.wanted - w.there,
                     cv::BORDER_REPLICATE | cv::BORDER_ISOLATED);
  cv::resize(fine, rgb, rgb.size(), 0, 0, cv::INTER_AREA);
}

}  // namespace flowrun::wsi
