// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "jpeg2000_check.h"
#include "nodes/table/slide_names.h"
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

/// What handles of one slide keep of decoded tiles, together: as much as is leased for an open slide.
class TileCache {
 public:
#ifdef FLOWRUN_OPENSLIDE_4
  void attach_to(openslide_t* slide) const {
    openslide_set_cache(slide, cache_.get());
  }

 private:
  struct Release {
    void operator()(openslide_cache_t* cache) const { openslide_cache_release(cache); }
  };
  std::unique_ptr<openslide_cache_t, Release> cache_{openslide_cache_create(Slide::cache_bytes)};
#else
  void attach_to(openslide_t*) const {}  // each handle has one of 32 MiB of its own
#endif
};

class OpenSlideReader final : public PixelReader {
 public:
  OpenSlideReader(std::shared_ptr<const SlideFacts> facts, const std::vector<TiffPage>& pages,
                  OpenSlideHandle handle)
      : facts_(std::move(facts)), jpeg2000_(facts_, pages), handle_(std::move(handle)) {
    cache_.attach_to(handle_.get());
  }

  std::string_view name() const override { return "openslide"; }

  void read(int level, std::int64_t x, std::int64_t y, cv::Mat& rgb) override {
    const auto argb = std::make_unique_for_overwrite<std::uint32_t[]>(rgb.total());
    const Level& size = facts_->levels.at(static_cast<std::size_t>(level));
    const Window window{level, base_pixel(x, rgb.cols, size.width, size.downsample),
                        base_pixel(y, rgb.rows, size.height, size.downsample), rgb.size()};
    jpeg2000_.check(level, {static_cast<double>(window.x) / size.downsample,
                            static_cast<double>(window.y) / size.downsample, static_cast<double>(rgb.cols),
                            static_cast<double>(rgb.rows)});
    const Shared shared = current();
    if (!problem_of(shared.get(), window, argb.get())) return compose(argb.get(), rgb);
    // Another thread's read may have failed on that handle. What fails on one of its own is this read.
    const Shared own = opened();
    const auto problem = problem_of(own.get(), window, argb.get());
    {
      std::scoped_lock lock(mutex_);
      if (handle_ == shared) handle_ = problem ? nullptr : own;
    }
    if (problem)
      throw Error(fmt::format("{}: cannot read level {} at x={}, y={}: {}", facts_->path.string(), level, x,
                              y, *problem));
    compose(argb.get(), rgb);
  }

 private:
  using Shared = std::shared_ptr<openslide_t>;
  struct Window {
    int level;
    std::int64_t x, y;  // level-0 pixels
    cv::Size size;      // pixels of the level
  };

  /// The handle that all threads share, opened if need be.
  Shared current() {
    std::scoped_lock lock(mutex_);
    if (!handle_) handle_ = opened();
    return handle_;
  }

  Shared opened() const {
    Shared handle = open_handle(facts_->path);
    cache_.attach_to(handle.get());
    return handle;
  }

  /// What went wrong, also in an earlier read of the handle.
  static std::optional<std::string> problem_of(openslide_t* handle, const Window& window,
                                               std::uint32_t* argb) {
    // In one piece: OpenSlide takes level-0 coordinates, so at levels with an odd downsample each window is
    // shifted by its own fraction of a pixel, and strips of one would not fit together.
    openslide_read_region(handle, argb, window.x, window.y, window.level, window.size.width,
                          window.size.height);
    const char* problem = openslide_get_error(handle);
    return problem ? std::optional<std::string>(problem) : std::nullopt;
  }

  void compose(const std::uint32_t* argb, cv::Mat& rgb) const {
    for (int row = 0; row < rgb.rows; ++row)
      compose_row(argb + static_cast<std::size_t>(row) * static_cast<std::size_t>(rgb.cols), rgb.cols,
                  facts_->background, rgb.ptr(row));
  }

  /// Rounded as the places of tiles are, so that a tile has the pixels that others read at its place. Rounded
  /// down where the window ends with the level, which it would reach over; but not by what is missing in the
  /// last digits: 3 times a third is 1.
  static std::int64_t base_pixel(std::int64_t pixel, int length, std::int64_t side, double downsample) {
    constexpr double digits = 1e-6;
    const double at = static_cast<double>(pixel) * downsample;
    if (pixel + length < side) return std::llround(at);
    return static_cast<std::int64_t>(std::floor(at + digits));
  }

  const std::shared_ptr<const SlideFacts> facts_;
  Jpeg2000Check jpeg2000_;
  const TileCache cache_{};
  std::mutex mutex_;
  Shared handle_;  // null: to be opened
};

std::string_view needs_openslide_4([[maybe_unused]] const std::filesystem::path& path) {
#ifndef FLOWRUN_OPENSLIDE_4
  if (has_extension(path.filename().string(), {".czi", ".dcm"}))
    return "; this is version 3, CZI and DICOM need version 4";
#endif
  return "";
}

}  // namespace

OpenSlideHandle open_handle(const std::filesystem::path& path) {
  OpenSlideHandle handle(openslide_open(path.c_str()));
  if (!handle)
    throw Error(fmt::format("{}: not a slide in a format that OpenSlide knows{}", path.string(),
                            needs_openslide_4(path)));
  if (const char* problem = openslide_get_error(handle.get()))
    throw Error(fmt::format("{}: damaged slide: {}", path.string(), problem));
  return handle;
}

std::shared_ptr<PixelReader> openslide_reader(std::shared_ptr<const SlideFacts> facts,
                                              const std::vector<TiffPage>& pages, OpenSlideHandle handle) {
  return std::make_shared<OpenSlideReader>(std::move(facts), pages, std::move(handle));
}

}  // namespace flowrun::wsi
