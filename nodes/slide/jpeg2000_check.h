// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <opencv2/core/types.hpp>
#include <vector>

#include "nodes/image/tiff_file.h"
#include "nodes/image/tiff_pages.h"

namespace flowrun::wsi {

/// Headers of JPEG 2000 tiles in a file. Thread-safe.
class Jpeg2000Headers {
 public:
  explicit Jpeg2000Headers(std::filesystem::path path) : path_(std::move(path)) {}

  /// Throws Error when a decoder would not find an image of the page's tile size, or would take much memory
  /// for it; false when the file leaves the tile out.
  bool check(const TiffPage& page, std::int64_t column, std::int64_t row);

 private:
  const std::filesystem::path path_;
  std::mutex mutex_;
  TiffFile tiff_;  // null: not opened yet
};

/// Checks what OpenSlide decodes while it opens a slide: the first tile of pages of JPEG 2000. It gives
/// OpenJPEG whatever their headers say, by a few bytes of which 600 MB are allocated. Throws Error.
void check_first_jpeg2000_tiles(const std::filesystem::path& path, const std::vector<TiffPage>& pages);

/// The same for what OpenSlide decodes while it reads a window. Thread-safe.
class Jpeg2000Check {
 public:
  Jpeg2000Check(std::shared_ptr<const SlideFacts> facts, std::vector<TiffPage> pages);

  /// `window`: pixels of the level. Throws Error naming slide, level and tile.
  void check(int level, const cv::Rect2d& window);

 private:
  void check(int level, const TiffPage& page, const cv::Rect2d& window);
  bool check_tile(int level, const TiffPage& page, std::int64_t column, std::int64_t row);
  /// Of the next finer level, from which OpenSlide makes a tile that a level leaves out.
  cv::Rect2d finer(int level, const TiffPage& page, std::int64_t column, std::int64_t row) const;

  const std::shared_ptr<const SlideFacts> facts_;
  std::vector<TiffPage> pages_;  // those of JPEG 2000
  Jpeg2000Headers headers_;
};

}  // namespace flowrun::wsi
