// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <cstdint>
#include <functional>
#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// A small picture of a whole slide: a level of it, area-averaged down to cols x rows pixels.
struct Thumbnail {
  int level = 0;
  int cols = 0;
  int rows = 0;
  std::size_t pixels() const { return static_cast<std::size_t>(cols) * static_cast<std::size_t>(rows); }
};

/// A thumbnail never has more pixels than this; larger levels are averaged down by a whole factor. So what
/// is made from one does not grow with the slide, and does not depend on how much memory there is.
constexpr std::int64_t most_thumbnail_pixels = std::int64_t{1} << 23;

/// The thumbnail that is `level`, or the slide's last when it has fewer.
Thumbnail thumbnail_at_level(const Slide& slide, int level);
/// The thumbnail with one pixel for `downsample` x `downsample` level-0 pixels, from the next finer level.
/// Throws Error when that is more than 512 times finer.
Thumbnail thumbnail_at_downsample(const Slide& slide, double downsample);

/// What is worth knowing of a pixel, in one number.
struct Score {
  /// Turns RGB (rows x cols x 3, 8 bit), which it may change, into `score` (rows x cols x 1, 8 bit), which
  /// has its size already. Called by several threads at once.
  std::function<void(cv::Mat& rgb, cv::Mat& score)> of;
  std::size_t scratch_per_pixel = 0;  ///< bytes that it takes meanwhile
};
/// Rec. 601 luma, as cv::cvtColor gives it.
Score grey_score();

/// Reads a thumbnail as RGB (rows x cols x 3, 8 bit), or the score of each of its pixels (rows x cols x 1).
/// Reads block by block: besides the result it takes `thumbnail_scratch` bytes, however large the level is.
cv::Mat read_thumbnail_rgb(const Slide& slide, const Thumbnail& thumbnail);
cv::Mat read_thumbnail_score(const Slide& slide, const Thumbnail& thumbnail, const Score& score);
std::size_t thumbnail_scratch(const Slide& slide, const Thumbnail& thumbnail, const Score& score = {});
/// The most that it can be.
std::size_t most_thumbnail_scratch(const Score& score = {});

}  // namespace flowrun::wsi
