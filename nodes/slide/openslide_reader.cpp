// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "readers.h"

namespace flowrun::wsi {
namespace {

/// Premultiplied ARGB over an opaque background.
void compose_row(const std::uint32_t* argb, int cols, const std::array<std::uint8_t, 3>& background,
                 std::uint8_t* rgb) {
  for (int i = 0; i < cols; ++i, rgb += 3) {
    const std::uint32_t pixel = argb[i];
    const std::uint32_t alpha = pixel >> 24;
    for (int c = 0; c < 3; ++c) {
      const std::uint32_t value = (pixel >> (16 - 8 * c)) & 0xff;
      const std::uint32_t behind = background[static_cast<std::size_t>(c)] * (255 - alpha);
      rgb[c] = static_cast<std::uint8_t>(std::min(255u, value + (behind + 127) / 255));
    }
  }
}

class OpenSlideReader final : public PixelReader {
 public:
  OpenSlideReader(std::shared_ptr<const SlideFacts> facts, OpenSlideHandle handle)
      : facts_(std::move(facts)), handle_(std::move(handle)) {}

  void read(int level, std::int64_t x, std::int64_t y, cv::Mat& rgb) override {
    // In one piece: OpenSlide takes level-0 coordinates, so at levels with an odd downsample each window is
    // shifted by its own fraction of a pixel, and strips of one would not fit together.
    const double downsample = facts_->levels.at(static_cast<std::size_t>(level)).downsample;
    const auto argb = std::make_unique_for_overwrite<std::uint32_t[]>(rgb.total());
    openslide_read_region(handle_.get(), argb.get(), base_pixel(x, downsample), base_pixel(y, downsample),
                          level, rgb.cols, rgb.rows);
    if (const char* problem = openslide_get_error(handle_.get()))
      throw Error(fmt::format("{}: cannot read level {} at x={}, y={}: {}", facts_->path.string(), level, x,
                              y, problem));
    for (int row = 0; row < rgb.rows; ++row)
      compose_row(argb.get() + static_cast<std::size_t>(row) * static_cast<std::size_t>(rgb.cols), rgb.cols,
                  facts_->background, rgb.ptr(row));
  }

 private:
  /// Rounded as the places of tiles are, so that a tile has the pixels that others read at its place.
  static std::int64_t base_pixel(std::int64_t pixel, double downsample) {
    return std::llround(static_cast<double>(pixel) * downsample);
  }

  std::shared_ptr<const SlideFacts> facts_;
  OpenSlideHandle handle_;
};

}  // namespace

std::shared_ptr<PixelReader> openslide_reader(std::shared_ptr<const SlideFacts> facts,
                                              OpenSlideHandle handle) {
  return std::make_shared<OpenSlideReader>(std::move(facts), std::move(handle));
}

}  // namespace flowrun::wsi
