// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <utility>

#include "nodes/slide/slide_picture.h"
#include "tile_means.h"

namespace flowrun::wsi {

/// Numbers of a slide's tiles as colours, blue to red; where tiles overlap, their mean. Not thread-safe.
class HeatMap {
 public:
  /// Pixels of a TIFF's side at most.
  static constexpr int longest_side = 2048;
  /// Bytes that it takes at most, its making and its files included, however large the slide is.
  static std::size_t most_bytes();

  explicit HeatMap(const Slide& slide);
  /// In level-0 pixels.
  void add_tile(std::int64_t x, std::int64_t y, double extent, double value);
  /// The least and the greatest number that a pixel of the TIFF has, which is the finer; nothing when there
  /// was no tile on it.
  std::optional<std::pair<double, double>> range() const { return fine_.range(); }

  /// A picture of the slide, half covered by colours where there are tiles: rows x cols x 3, 8 bit, RGB; blue
  /// for numbers up to `low`, red from `high` on.
  cv::Mat draw(double low = 0, double high = 1) const;
  /// The same with a colour bar below it, as JPEG. `shown`: what the numbers are.
  void write_picture(const std::filesystem::path& file, const std::string& shown, double low,
                     double high) const;
  /// The colours alone, white where there is no tile, as a pyramidal TIFF without loss: a pixel stands for
  /// downsample() x downsample() level-0 pixels of the whole slide, from its corner on, and has the tiles
  /// that cover its middle; one of a smaller level all tiles of the four that it is made of.
  void write_tiff(const std::filesystem::path& file, double low, double high) const;
  int downsample() const { return downsample_; }

  /// See SlidePicture::problem.
  const std::string& problem() const { return picture_.problem; }

 private:
  HeatMap(const SlideFacts& facts, SlidePicture picture);

  SlidePicture picture_;
  int downsample_;
  std::optional<double> mpp_;  // of the TIFF
  TileMeans drawn_, fine_;     // in pixels of the picture and of the TIFF
};

}  // namespace flowrun::wsi
