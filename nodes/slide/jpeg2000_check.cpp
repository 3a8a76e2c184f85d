// SPDX-License-Identifier: Apache-2.0
#include "jpeg2000_check.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "nodes/image/jpeg2000.h"
#include "tiff_levels.h"

namespace flowrun::wsi {
namespace {

bool is_jpeg2000(const TiffPage& page) {
  return page.tiled && (page.compression == aperio_rgb_jpeg2000 || page.compression == aperio_ycbcr_jpeg2000);
}

Error cannot_read(const std::filesystem::path& path, std::string_view what, std::int64_t x, std::int64_t y,
                  const Error& problem) {
  return Error(
      fmt::format("{}: cannot read {} at x={}, y={}: {}", path.string(), what, x, y, problem.what()));
}

}  // namespace

bool Jpeg2000Headers::check(const TiffPage& page, std::int64_t column, std::int64_t row) {
  // As for those that are read directly: noise is compressed to about its own size.
  const std::uint64_t most = static_cast<std::uint64_t>(page.tile_width * page.tile_height) * 6 + (1U << 20);
  const auto number = static_cast<std::uint32_t>(row * page.columns() + column);
  std::vector<std::uint8_t> raw;
  {
    std::scoped_lock lock(mutex_);
    if (!tiff_ && !(tiff_ = open_tiff(path_))) throw Error(tiff_problem());
    if (TIFFCurrentDirectory(tiff_.get()) != page.number && !TIFFSetDirectory(tiff_.get(), page.number))
      throw Error(tiff_problem());
    const std::uint64_t bytes = TIFFGetStrileByteCount(tiff_.get(), number);
    if (bytes == 0) return false;
    if (bytes > most)
      throw Error(fmt::format("a tile of {} compressed bytes, expected at most {}", bytes, most));
    raw.resize(bytes);
    const auto wanted = static_cast<tmsize_t>(bytes);
    if (TIFFReadRawTile(tiff_.get(), number, raw.data(), wanted) != wanted) throw Error(tiff_problem());
  }
  check_jpeg2000(raw, static_cast<int>(page.tile_width), static_cast<int>(page.tile_height));
  return true;
}

void check_first_jpeg2000_tiles(const std::filesystem::path& path, const std::vector<TiffPage>& pages) {
  Jpeg2000Headers headers(path);
  for (const TiffPage& page : pages)
    if (is_jpeg2000(page)) try {
        headers.check(page, 0, 0);
      } catch (const Error& problem) {
        throw cannot_read(path, fmt::format("page {}", page.number), 0, 0, problem);
      }
}

Jpeg2000Check::Jpeg2000Check(std::shared_ptr<const SlideFacts> facts, std::vector<TiffPage> pages)
    : facts_(std::move(facts)), pages_(std::move(pages)), headers_(facts_->path) {
  std::erase_if(pages_, [](const TiffPage& page) { return !is_jpeg2000(page); });
}

void Jpeg2000Check::check(int level, const cv::Rect2d& window) {
  const Level& size = facts_->levels.at(static_cast<std::size_t>(level));
  for (const TiffPage& page : pages_)
    if (page.width == size.width && page.height == size.height) check(level, page, window);
}

void Jpeg2000Check::check(int level, const TiffPage& page, const cv::Rect2d& window) {
  struct Tiles {
    std::int64_t first, end;
  };
  const auto touched = [](double from, double length, std::int64_t tile, std::int64_t count) {
    const auto side = static_cast<double>(tile), all = static_cast<double>(count);
    return Tiles{static_cast<std::int64_t>(std::clamp(std::floor(from / side), 0.0, all)),
                 static_cast<std::int64_t>(std::clamp(std::ceil((from + length) / side), 0.0, all))};
  };
  const Tiles rows = touched(window.y, window.height, page.tile_height, page.rows()),
              columns = touched(window.x, window.width, page.tile_width, page.columns());
  for (std::int64_t row = rows.first; row < rows.end; ++row)
    for (std::int64_t column = columns.first; column < columns.end; ++column)
      if (!check_tile(level, page, column, row) && level > 0)
        check(level - 1, finer(level, page, column, row));
}

cv::Rect2d Jpeg2000Check::finer(int level, const TiffPage& page, std::int64_t column,
                                std::int64_t row) const {
  const auto at = static_cast<std::size_t>(level);
  const double ratio = facts_->levels[at].downsample / facts_->levels[at - 1].downsample;
  const auto width = static_cast<double>(page.tile_width), height = static_cast<double>(page.tile_height);
  return {static_cast<double>(column) * width * ratio, static_cast<double>(row) * height * ratio,
          width * ratio, height * ratio};
}

bool Jpeg2000Check::check_tile(int level, const TiffPage& page, std::int64_t column, std::int64_t row) try {
  return headers_.check(page, column, row);
} catch (const Error& problem) {
  throw cannot_read(facts_->path, fmt::format("level {}", level), column * page.tile_width,
                    row * page.tile_height, problem);
}

}  // namespace flowrun::wsi
