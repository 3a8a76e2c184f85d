// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "decoded_tile_cache.h"
#include "nodes/base/huge_pages.h"
#include "nodes/image/inflate_tile.h"
#include "nodes/image/jpeg2000.h"
#include "nodes/image/jpeg_stream.h"
#include "nodes/image/jpeg_tile.h"
#include "nodes/image/tiff_file.h"
#include "readers.h"
#include "tiff_levels.h"
#include "tile_buffers.h"

namespace flowrun::wsi {
namespace {

/// Of tiles; the rest of what a slide may keep is for the huge page that buffers have not filled yet.
constexpr std::size_t most_cached_bytes = Slide::cache_bytes - huge_page;

std::size_t tile_bytes(const TiffPage& page) {
  return static_cast<std::size_t>(page.tile_width * page.tile_height) * 3;
}

CachedLevel cached(const TiffPage& page) {
  const std::size_t bytes = tile_bytes(page);
  const bool fits = static_cast<std::size_t>(page.columns() * page.rows()) * bytes <= most_cached_bytes;
  return {bytes, bytes / 3, fits};
}

/// A file handle for one thread, at the page of a level; libtiff's are not thread-safe.
struct LevelFile {
  TiffFile tiff;
  std::unique_ptr<JpegTileDecoder> jpeg;  // where its tiles are JPEGs
};

std::span<const std::uint8_t> jpeg_tables(TIFF* tiff) {
  std::uint32_t bytes = 0;
  const std::uint8_t* tables = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_JPEGTABLES, &bytes, &tables) != 1) return {};
  return {tables, bytes};
}

class TiffReader final : public PixelReader {
 public:
  TiffReader(std::shared_ptr<const SlideFacts> facts, std::vector<TiffPage> pages)
      : facts_(std::move(facts)), pages_(std::move(pages)), idle_(pages_.size()), cache_(most_cached_bytes) {
    for (const TiffPage& p : pages_) {
      const auto same = std::find_if(buffers_.begin(), buffers_.end(),
                                     [&](const TileBuffers& b) { return b.bytes() == tile_bytes(p); });
      buffers_.push_back(same == buffers_.end() ? TileBuffers(tile_bytes(p)) : *same);
    }
  }

  std::string_view name() const override { return "tiff"; }

  void read(int level, std::int64_t x, std::int64_t y, cv::Mat& rgb) override {
    const TiffPage& p = pages_.at(static_cast<std::size_t>(level));
    const std::int64_t right = std::min(x + rgb.cols, p.width), bottom = std::min(y + rgb.rows, p.height);
    if (x < 0 || y < 0 || right < x + rgb.cols || bottom < y + rgb.rows) {
      const auto& b = facts_->background;
      rgb.setTo(cv::Scalar(b[0], b[1], b[2]));
    }
    const std::int64_t left = std::max<std::int64_t>(x, 0), top = std::max<std::int64_t>(y, 0);
    if (right <= left || bottom <= top) return;  // all of it lies outside
    const Window window{level, x, y, left, top, right, bottom};
    // What another thread is decoding just now, for the window beside this one, is probably done at the end.
    std::vector<std::pair<std::int64_t, std::int64_t>> postponed;
    for (std::int64_t ty = top / p.tile_height; ty * p.tile_height < bottom; ++ty)
      for (std::int64_t tx = left / p.tile_width; tx * p.tile_width < right; ++tx)
        if (!copy_tile(window, tx, ty, rgb, IfDecoding::postpone)) postponed.emplace_back(tx, ty);
    for (const auto& [tx, ty] : postponed) copy_tile(window, tx, ty, rgb, IfDecoding::decode_too);
  }

  bool copy_jpeg_tile(int level, std::int64_t x, std::int64_t y, int size,
                      std::vector<std::uint8_t>& jpeg) override {
    const TiffPage& p = pages_.at(static_cast<std::size_t>(level));
    const bool whole = size == p.tile_width && size == p.tile_height && x >= 0 && y >= 0 && x % size == 0 &&
                       y % size == 0 && x + size <= p.width && y + size <= p.height;
    if (p.compression != COMPRESSION_JPEG || !whole) return false;
    const auto number = static_cast<std::uint32_t>(y / size * p.columns() + x / size);
    LevelFile file = borrow(level);
    const bool there = TIFFGetStrileByteCount(file.tiff.get(), number) > 0;
    if (there) try {
        const std::vector<std::uint8_t> raw = raw_tile(file.tiff.get(), p, number);
        file.jpeg->check(raw, size, size);
        complete_jpeg(raw, jpeg_tables(file.tiff.get()), p.photometric == PHOTOMETRIC_RGB, jpeg);
      } catch (const Error& problem) {
        throw cannot_read(level, x, y, problem);
      }
    give_back(level, std::move(file));
    return there;
  }

 private:
  Error cannot_read(int level, std::int64_t x, std::int64_t y, const Error& problem) const {
    return Error(fmt::format("{}: cannot read level {} at x={}, y={}: {}", facts_->path.string(), level, x, y,
                             problem.what()));
  }

  static void copy(const std::uint8_t* tile, const TiffPage& p, std::int64_t x, std::int64_t y,
                   cv::Mat part) {
    for (int row = 0; row < part.rows; ++row) {
      const std::int64_t offset = ((y + row) * p.tile_width + x) * 3;
      std::memcpy(part.ptr(row), tile + offset, static_cast<std::size_t>(part.cols) * 3);
    }
  }

  /// Where the pixels of an image lie in a level, and the part of it that lies inside the level.
  struct Window {
    int level;
    std::int64_t x, y;
    std::int64_t left, top, right, bottom;
  };
  /// What to do about a tile that another thread is decoding.
  enum class IfDecoding { postpone, decode_too };

  /// Copies what the window has of one of the file's tiles; false when that is postponed.
  bool copy_tile(const Window& window, std::int64_t column, std::int64_t row, cv::Mat& rgb,
                 IfDecoding if_decoding) {
    const TiffPage& p = pages_[static_cast<std::size_t>(window.level)];
    const std::int64_t x = column * p.tile_width, y = row * p.tile_height;
    const cv::Rect2i part(cv::Point(static_cast<int>(std::max(window.left, x) - window.x),
                                    static_cast<int>(std::max(window.top, y) - window.y)),
                          cv::Point(static_cast<int>(std::min(window.right, x + p.tile_width) - window.x),
                                    static_cast<int>(std::min(window.bottom, y + p.tile_height) - window.y)));
    const DecodedTile tile =
        decoded(window.level, column, row, static_cast<std::size_t>(part.area()), if_decoding);
    if (!tile) return false;
    copy(tile.get(), p, window.x + part.x - x, window.y + part.y - y, rgb(part));
    return true;
  }

  /// The tile, of which `pixels_read` are about to be read; nothing when that is postponed.
  DecodedTile decoded(int level, std::int64_t column, std::int64_t row, std::size_t pixels_read,
                      IfDecoding if_decoding) {
    const TiffPage& p = pages_[static_cast<std::size_t>(level)];
    const auto number = static_cast<std::uint32_t>(row * p.columns() + column);
    const std::uint64_t key = (std::uint64_t{static_cast<std::uint32_t>(level)} << 32) | number;
    DecodedTileCache::Found found = cache_.find(key, pixels_read);
    if (found.tile) return std::move(found.tile);
    if (found.decoding && if_decoding == IfDecoding::postpone) return nullptr;
    try {
      TileBuffer pixels = buffers_[static_cast<std::size_t>(level)].take();
      LevelFile file = borrow(level);
      decode(file, p, number, pixels.get());
      give_back(level, std::move(file));
      cache_.insert(key, pixels, cached(p), pixels_read);
      return pixels;
    } catch (const Error& problem) {
      cache_.give_up(key);
      throw cannot_read(level, column * p.tile_width, row * p.tile_height, problem);
    } catch (...) {
      cache_.give_up(key);
      throw;
    }
  }

  void decode(const LevelFile& file, const TiffPage& p, std::uint32_t number, std::uint8_t* pixels) const {
    TIFF* const tiff = file.tiff.get();
    const auto width = static_cast<int>(p.tile_width), height = static_cast<int>(p.tile_height);
    if (TIFFGetStrileByteCount(tiff, number) == 0) {  // writers leave out tiles where there is nothing
      const auto& b = facts_->background;
      cv::Mat(height, width, CV_8UC3, pixels).setTo(cv::Scalar(b[0], b[1], b[2]));
      return;
    }
    if (p.compression == aperio_rgb_jpeg2000)
      return decode_jpeg2000(raw_tile(tiff, p, number), width, height, pixels);
    if (file.jpeg) return file.jpeg->decode(raw_tile(tiff, p, number), width, height, pixels);
    if (p.compression == COMPRESSION_DEFLATE || p.compression == COMPRESSION_ADOBE_DEFLATE)
      return inflate_tile(raw_tile(tiff, p, number), p.predictor == PREDICTOR_HORIZONTAL, width, height,
                          pixels);
    if (p.compression == COMPRESSION_NONE && TIFFGetStrileByteCount(tiff, number) < tile_bytes(p))
      throw Error(fmt::format("a tile of {} bytes, expected {}", TIFFGetStrileByteCount(tiff, number),
                              tile_bytes(p)));
    const auto bytes = static_cast<tmsize_t>(tile_bytes(p));
    take_tiff_warning();
    if (TIFFReadEncodedTile(tiff, number, pixels, bytes) != bytes) throw Error(tiff_problem());
    // What its codecs warn of are data that do not fit.
    if (const std::string warning = take_tiff_warning(); !warning.empty()) throw Error(warning);
  }

  static std::vector<std::uint8_t> raw_tile(TIFF* tiff, const TiffPage& p, std::uint32_t number) {
    // Noise is compressed to about its own size; what is beyond it are markers with something else.
    const std::uint64_t most = 2 * tile_bytes(p) + (std::size_t{1} << 20);
    const std::uint64_t bytes = TIFFGetStrileByteCount(tiff, number);
    if (bytes > most)
      throw Error(fmt::format("a tile of {} compressed bytes, expected at most {}", bytes, most));
    std::vector<std::uint8_t> raw(bytes);
    const auto wanted = static_cast<tmsize_t>(bytes);
    if (TIFFReadRawTile(tiff, number, raw.data(), wanted) != wanted) throw Error(tiff_problem());
    return raw;
  }

  /// There are never more files than threads that read at once.
  LevelFile borrow(int level) {
    {
      std::scoped_lock lock(mutex_);
      auto& idle = idle_[static_cast<std::size_t>(level)];
      if (!idle.empty()) {
        LevelFile file = std::move(idle.back());
        idle.pop_back();
        return file;
      }
    }
    const TiffPage& p = pages_[static_cast<std::size_t>(level)];
    LevelFile file{open_tiff(facts_->path), nullptr};
    if (!file.tiff || !TIFFSetDirectory(file.tiff.get(), p.number)) throw Error(tiff_problem());
    if (p.compression == COMPRESSION_JPEG)
      file.jpeg = std::make_unique<JpegTileDecoder>(
          jpeg_tables(file.tiff.get()),
          p.photometric == PHOTOMETRIC_RGB ? JpegTileDecoder::Colours::rgb : JpegTileDecoder::Colours::ycbcr);
    return file;
  }

  void give_back(int level, LevelFile file) {
    std::scoped_lock lock(mutex_);
    idle_[static_cast<std::size_t>(level)].push_back(std::move(file));
  }

  std::shared_ptr<const SlideFacts> facts_;
  const std::vector<TiffPage> pages_;  // by level
  std::mutex mutex_;
  std::vector<std::vector<LevelFile>> idle_;  // by level
  std::vector<TileBuffers> buffers_;          // by level; levels of one tile size share
  DecodedTileCache cache_;
};

bool leaves_out_tiles(TIFF* tiff, const TiffPage& page) {
  if (!TIFFSetDirectory(tiff, page.number)) return true;
  for (std::uint32_t tile = 0, n = TIFFNumberOfTiles(tiff); tile < n; ++tile)
    if (TIFFGetStrileByteCount(tiff, tile) == 0) return true;
  return false;
}

}  // namespace

std::shared_ptr<PixelReader> open_tiff_reader(const std::shared_ptr<const SlideFacts>& facts,
                                              const std::vector<TiffPage>& pages) {
  const auto refuse = [&](const std::string& why) {
    throw Error(fmt::format(
        "{}: the tiff backend cannot read it: {}; it reads tiled RGB TIFFs (Aperio, generic) in JPEG, JPEG "
        "2000, deflate, LZW, PackBits or uncompressed, 'backend: auto' reads all",
        facts->path.string(), why));
  };
  const bool aperio = facts->vendor == "aperio";
  if (!aperio && facts->vendor != "generic-tiff") refuse(fmt::format("its format is {}", facts->vendor));
  std::vector<TiffPage> of_levels;
  try {
    of_levels = pages_of_levels(*facts, pages);
  } catch (const Error& problem) {
    refuse(problem.what());
  }
  const TiffFile tiff = open_tiff(facts->path);
  if (!tiff) refuse(tiff_problem());
  for (std::size_t level = 0; level < of_levels.size(); ++level) {
    if (!is_readable(of_levels[level]))
      refuse(fmt::format("level {} has other pixels or another compression", level));
    // Of Aperio's slides what a level leaves out is to be made from the next finer one.
    if (aperio && level > 0 && leaves_out_tiles(tiff.get(), of_levels[level]))
      refuse(fmt::format("level {} leaves out tiles", level));
  }
  return std::make_shared<TiffReader>(facts, std::move(of_levels));
}

}  // namespace flowrun::wsi
