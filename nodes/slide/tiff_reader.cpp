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
#include "nodes/image/jpeg2000.h"
#include "nodes/image/jpeg_stream.h"
#include "nodes/image/rgb_jpeg.h"
#include "nodes/image/tiff_file.h"
#include "readers.h"
#include "tile_buffers.h"

namespace flowrun::wsi {
namespace {

constexpr std::uint16_t aperio_rgb_jpeg2000 = 33005;
/// Of tiles; the rest of what a slide may keep is for the huge page that buffers have not filled yet.
constexpr std::size_t most_cached_bytes = Slide::cache_bytes - huge_page;

/// Where a level lies in the file and how its tiles are cut.
struct Directory {
  tdir_t number = 0;
  std::uint16_t compression = 0;
  bool rgb = false;  // JPEG without conversion to YCbCr
  std::uint32_t tile_width = 0, tile_height = 0;
  std::int64_t width = 0, height = 0;
  std::int64_t columns() const { return (width + tile_width - 1) / tile_width; }
  std::size_t tile_bytes() const { return std::size_t{tile_width} * tile_height * 3; }
  CachedLevel cached() const {
    const auto rows = static_cast<std::size_t>((height + tile_height - 1) / tile_height);
    const bool fits = static_cast<std::size_t>(columns()) * rows * tile_bytes() <= most_cached_bytes;
    return {tile_bytes(), std::size_t{tile_width} * tile_height, fits};
  }
};

/// A file handle for one thread, at the directory of a level; libtiff's are not thread-safe.
struct LevelFile {
  TiffFile tiff;
  std::unique_ptr<RgbJpegDecoder> rgb_jpeg;  // where it can decode the level's tiles
};

std::span<const std::uint8_t> jpeg_tables(TIFF* tiff) {
  std::uint32_t bytes = 0;
  const std::uint8_t* tables = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_JPEGTABLES, &bytes, &tables) != 1) return {};
  return {tables, bytes};
}

template <class T>
T field(TIFF* tiff, std::uint32_t tag, T otherwise) {
  T value{};
  return TIFFGetFieldDefaulted(tiff, tag, &value) == 1 ? value : otherwise;
}

/// The current directory, when its tiles are ones that we decode.
std::optional<Directory> readable_directory(TIFF* tiff) {
  Directory d;
  d.number = TIFFCurrentDirectory(tiff);
  d.compression = field<std::uint16_t>(tiff, TIFFTAG_COMPRESSION, 0);
  const auto photometric = field<std::uint16_t>(tiff, TIFFTAG_PHOTOMETRIC, 0);
  const bool colour = field<std::uint16_t>(tiff, TIFFTAG_SAMPLESPERPIXEL, 0) == 3 &&
                      field<std::uint16_t>(tiff, TIFFTAG_BITSPERSAMPLE, 0) == 8 &&
                      field<std::uint16_t>(tiff, TIFFTAG_PLANARCONFIG, 0) == PLANARCONFIG_CONTIG;
  const bool jpeg = d.compression == COMPRESSION_JPEG &&
                    (photometric == PHOTOMETRIC_RGB || photometric == PHOTOMETRIC_YCBCR);
  d.rgb = photometric == PHOTOMETRIC_RGB;
  const bool deflate = d.compression == COMPRESSION_ADOBE_DEFLATE && photometric == PHOTOMETRIC_RGB;
  if (!TIFFIsTiled(tiff) || !colour || !(jpeg || deflate || d.compression == aperio_rgb_jpeg2000)) return {};
  if (field<std::uint32_t>(tiff, TIFFTAG_IMAGEDEPTH, 1) != 1) return {};
  d.tile_width = field<std::uint32_t>(tiff, TIFFTAG_TILEWIDTH, 0);
  d.tile_height = field<std::uint32_t>(tiff, TIFFTAG_TILELENGTH, 0);
  d.width = field<std::uint32_t>(tiff, TIFFTAG_IMAGEWIDTH, 0);
  d.height = field<std::uint32_t>(tiff, TIFFTAG_IMAGELENGTH, 0);
  constexpr std::uint32_t largest_side = 4096;
  if (d.tile_width < 1 || d.tile_height < 1 || d.tile_width > largest_side || d.tile_height > largest_side)
    return {};
  // Scanners leave tiles out where there is nothing; what stands for them is the format's own affair.
  for (std::uint32_t tile = 0, n = TIFFNumberOfTiles(tiff); tile < n; ++tile)
    if (TIFFGetStrileByteCount(tiff, tile) == 0) return {};
  return d;
}

/// The directory of each level, or nothing unless every level has one of exactly its size.
std::vector<Directory> directories_of_levels(TIFF* tiff, const SlideFacts& facts) {
  std::vector<Directory> found;
  std::size_t level = 0;
  do {
    if (level == facts.levels.size()) break;
    const auto directory = readable_directory(tiff);
    const Level& wanted = facts.levels[level];
    if (!directory || directory->width != wanted.width || directory->height != wanted.height) continue;
    found.push_back(*directory);
    ++level;
  } while (TIFFReadDirectory(tiff));
  if (level < facts.levels.size()) found.clear();
  return found;
}

class TiffReader final : public PixelReader {
 public:
  TiffReader(std::shared_ptr<const SlideFacts> facts, std::vector<Directory> directories)
      : facts_(std::move(facts)),
        directories_(std::move(directories)),
        idle_(directories_.size()),
        cache_(most_cached_bytes) {
    for (const Directory& d : directories_) {
      const auto same = std::find_if(buffers_.begin(), buffers_.end(),
                                     [&](const TileBuffers& b) { return b.bytes() == d.tile_bytes(); });
      buffers_.push_back(same == buffers_.end() ? TileBuffers(d.tile_bytes()) : *same);
    }
  }

  void read(int level, std::int64_t x, std::int64_t y, cv::Mat& rgb) override {
    const Directory& d = directories_.at(static_cast<std::size_t>(level));
    const std::int64_t right = std::min(x + rgb.cols, d.width), bottom = std::min(y + rgb.rows, d.height);
    if (x < 0 || y < 0 || right < x + rgb.cols || bottom < y + rgb.rows) {
      const auto& b = facts_->background;
      rgb.setTo(cv::Scalar(b[0], b[1], b[2]));
    }
    const std::int64_t left = std::max<std::int64_t>(x, 0), top = std::max<std::int64_t>(y, 0);
    if (right <= left || bottom <= top) return;  // all of it lies outside
    const Window window{level, x, y, left, top, right, bottom};
    // What another thread is decoding just now, for the window beside this one, is probably done at the end.
    std::vector<std::pair<std::int64_t, std::int64_t>> postponed;
    for (std::int64_t ty = top / d.tile_height; ty * d.tile_height < bottom; ++ty)
      for (std::int64_t tx = left / d.tile_width; tx * d.tile_width < right; ++tx)
        if (!copy_tile(window, tx, ty, rgb, IfDecoding::postpone)) postponed.emplace_back(tx, ty);
    for (const auto& [tx, ty] : postponed) copy_tile(window, tx, ty, rgb, IfDecoding::decode_too);
  }

  bool copy_jpeg_tile(int level, std::int64_t x, std::int64_t y, int size,
                      std::vector<std::uint8_t>& jpeg) override {
    const Directory& d = directories_.at(static_cast<std::size_t>(level));
    const bool whole = size == static_cast<int>(d.tile_width) && size == static_cast<int>(d.tile_height) &&
                       x >= 0 && y >= 0 && x % size == 0 && y % size == 0 && x + size <= d.width &&
                       y + size <= d.height;
    if (d.compression != COMPRESSION_JPEG || !whole) return false;
    const auto number = static_cast<std::uint32_t>(y / size * d.columns() + x / size);
    LevelFile file = borrow(level);
    try {
      complete_jpeg(raw_tile(file.tiff.get(), number), jpeg_tables(file.tiff.get()), d.rgb, jpeg);
    } catch (const Error& problem) {
      throw cannot_read(level, x, y, problem);
    }
    give_back(level, std::move(file));
    return true;
  }

 private:
  Error cannot_read(int level, std::int64_t x, std::int64_t y, const Error& problem) const {
    return Error(fmt::format("{}: cannot read level {} at x={}, y={}: {}", facts_->path.string(), level, x, y,
                             problem.what()));
  }

  static void copy(const std::uint8_t* tile, const Directory& d, std::int64_t x, std::int64_t y,
                   cv::Mat part) {
    for (int row = 0; row < part.rows; ++row) {
      const std::int64_t offset = ((y + row) * d.tile_width + x) * 3;
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
    const Directory& d = directories_[static_cast<std::size_t>(window.level)];
    const std::int64_t x = column * d.tile_width, y = row * d.tile_height;
    const cv::Rect2i part(cv::Point(static_cast<int>(std::max(window.left, x) - window.x),
                                    static_cast<int>(std::max(window.top, y) - window.y)),
                          cv::Point(static_cast<int>(std::min(window.right, x + d.tile_width) - window.x),
                                    static_cast<int>(std::min(window.bottom, y + d.tile_height) - window.y)));
    const DecodedTile tile =
        decoded(window.level, column, row, static_cast<std::size_t>(part.area()), if_decoding);
    if (!tile) return false;
    copy(tile.get(), d, window.x + part.x - x, window.y + part.y - y, rgb(part));
    return true;
  }

  /// The tile, of which `pixels_read` are about to be read; nothing when that is postponed.
  DecodedTile decoded(int level, std::int64_t column, std::int64_t row, std::size_t pixels_read,
                      IfDecoding if_decoding) {
    const Directory& d = directories_[static_cast<std::size_t>(level)];
    const auto number = static_cast<std::uint32_t>(row * d.columns() + column);
    const std::uint64_t key = (std::uint64_t{static_cast<std::uint32_t>(level)} << 32) | number;
    DecodedTileCache::Found found = cache_.find(key, pixels_read);
    if (found.tile) return std::move(found.tile);
    if (found.decoding && if_decoding == IfDecoding::postpone) return nullptr;
    try {
      TileBuffer pixels = buffers_[static_cast<std::size_t>(level)].take();
      LevelFile file = borrow(level);
      decode(file, d, number, pixels.get());
      give_back(level, std::move(file));
      cache_.insert(key, pixels, d.cached(), pixels_read);
      return pixels;
    } catch (const Error& problem) {
      cache_.give_up(key);
      throw cannot_read(level, column * d.tile_width, row * d.tile_height, problem);
    } catch (...) {
      cache_.give_up(key);
      throw;
    }
  }

  static void decode(const LevelFile& file, const Directory& d, std::uint32_t number, std::uint8_t* pixels) {
    TIFF* const tiff = file.tiff.get();
    const auto width = static_cast<int>(d.tile_width), height = static_cast<int>(d.tile_height);
    if (d.compression == aperio_rgb_jpeg2000)
      return decode_jpeg2000(raw_tile(tiff, number), width, height, pixels);
    if (file.rgb_jpeg && file.rgb_jpeg->decode(raw_tile(tiff, number), width, height, pixels)) return;
    const auto bytes = static_cast<tmsize_t>(d.tile_bytes());
    if (TIFFReadEncodedTile(tiff, number, pixels, bytes) != bytes) throw Error(tiff_problem());
  }

  static std::vector<std::uint8_t> raw_tile(TIFF* tiff, std::uint32_t number) {
    constexpr std::uint64_t most_compressed = 64u << 20;
    const std::uint64_t bytes = TIFFGetStrileByteCount(tiff, number);
    if (bytes > most_compressed) throw Error(fmt::format("a tile of {} compressed bytes", bytes));
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
    const Directory& d = directories_[static_cast<std::size_t>(level)];
    LevelFile file{open_tiff(facts_->path), nullptr};
    if (!file.tiff || !TIFFSetDirectory(file.tiff.get(), d.number)) throw Error(tiff_problem());
    if (d.compression != COMPRESSION_JPEG) return file;
    TIFFSetField(file.tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    constexpr std::size_t most_planes = std::size_t{1} << 20;  // they come on top of the tile
    if (d.rgb && d.tile_bytes() <= most_planes)
      file.rgb_jpeg = std::make_unique<RgbJpegDecoder>(jpeg_tables(file.tiff.get()));
    return file;
  }

  void give_back(int level, LevelFile file) {
    std::scoped_lock lock(mutex_);
    idle_[static_cast<std::size_t>(level)].push_back(std::move(file));
  }

  std::shared_ptr<const SlideFacts> facts_;
  const std::vector<Directory> directories_;  // by level
  std::mutex mutex_;
  std::vector<std::vector<LevelFile>> idle_;  // by level
  std::vector<TileBuffers> buffers_;          // by level; levels of one tile size share
  DecodedTileCache cache_;
};

}  // namespace

std::shared_ptr<PixelReader> open_tiff_reader(const std::shared_ptr<const SlideFacts>& facts) {
  const auto refuse = [&](const std::string& why) {
    throw Error(fmt::format(
        "{}: the tiff backend cannot read it: {}; it reads tiled TIFFs (Aperio, generic) in JPEG or "
        "JPEG 2000, 'backend: auto' reads all",
        facts->path.string(), why));
  };
  if (facts->vendor != "aperio" && facts->vendor != "generic-tiff")
    refuse(fmt::format("its format is {}", facts->vendor));
  const TiffFile tiff = open_tiff(facts->path);
  if (!tiff) refuse(tiff_problem());
  auto directories = directories_of_levels(tiff.get(), *facts);
  if (directories.empty()) refuse("a level is not tiled, of another compression, or has tiles left out");
  return std::make_shared<TiffReader>(facts, std::move(directories));
}

}  // namespace flowrun::wsi
