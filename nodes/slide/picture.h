// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <optional>

namespace flowrun::wsi {

/// Fills `rgb` with the window of a level that begins at (x, y), area-averaged down from `window` pixels to
/// its own size. What lies outside the level gets the background colour.
void read_scaled(const Slide& slide, int level, std::int64_t x, std::int64_t y, cv::Size window,
                 cv::Mat& rgb);
/// The window is too large to be read at once.
bool is_read_in_blocks(cv::Size window);
/// Bytes that this takes besides its result.
std::size_t read_scaled_bytes(cv::Size window, cv::Size size);
/// The most that it takes, where the level is at most 512 times as fine.
std::size_t read_scaled_bytes();

/// The size of a whole picture of the slide. Throws Error when a side is longer than 2^31 - 1 pixels.
cv::Size picture_size(const Slide& slide, std::int64_t width, std::int64_t height);

/// Which resolution a user wants: one of these, or level 0.
struct Resolution {
  std::optional<int> level;
  std::optional<double> mpp;
  std::optional<double> downsample;

  /// Throws OptionError when there are several.
  void check() const;
};

/// A whole slide at any one resolution, made where it is looked at from the coarsest level that is at least
/// as fine. Thread-safe.
class Picture {
 public:
  /// One pixel is `downsample` x `downsample` level-0 pixels. Pixels that reach over the slide's edge repeat
  /// what is there.
  Picture(const Slide& slide, double downsample, cv::Size size);
  /// A level (also one within 0.5 % of the MPP or downsample; level 0 within 2 % of a finer MPP) is taken as
  /// it is. Throws Error when the slide has no such level, is not as fine, or does not say its MPP, or when
  /// the picture were longer than 2^31 - 1 pixels.
  static Picture at(const Slide& slide, const Resolution& resolution);

  /// Half the resolution of the slide's last level, made from that.
  static Picture half_of_last(const Slide& slide);

  /// The same at half the resolution; sides are rounded down, but at least 1.
  Picture halved() const;

  cv::Size size() const { return size_; }
  double downsample() const { return downsample_; }
  /// Microns per pixel, where known.
  std::optional<double> mpp() const;

  /// Fills `rgb` (rows x cols x 3, 8 bit, RGB) with the window whose top left pixel is (x, y). What lies
  /// outside the picture gets the background colour. Throws Error as PixelReader::read.
  void read(std::int64_t x, std::int64_t y, cv::Mat& rgb) const;
  /// Bytes that read() takes besides its result, whatever the window, where the slide has a level that is at
  /// most 512 times as fine.
  static std::size_t read_bytes();

 private:
  Picture(const Slide& slide, double downsample, cv::Size size, int level);
  static Picture at_level(const Slide& slide, int level);
  static Picture at_downsample(const Slide& slide, double downsample);
  void read_block(std::int64_t x, std::int64_t y, cv::Mat rgb) const;

  Slide slide_;
  double downsample_;
  cv::Size size_;
  int level_;
  double ratio_;  // pixels of the level per pixel of the picture
};

}  // namespace flowrun::wsi
