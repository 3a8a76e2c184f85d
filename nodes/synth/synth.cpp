// SPDX-License-Identifier: Apache-2.0
#include "synth.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "annotations.h"
#include "islands.h"
#include "jpeg_tile.h"
#include "level_painter.h"
#include "nodes/image/tiff_writer.h"
#include "temp_file.h"
#include "tissue_texture.h"

namespace flowrun::wsi {
namespace {

constexpr std::int64_t longest_side = 1'000'000;
constexpr std::int64_t longest_thumbnail = 1024;
constexpr int largest_swatch = 2048;

struct Size {
  std::int64_t width;
  std::int64_t height;
};

void require(bool fine, const std::string& otherwise) {
  if (!fine) throw std::invalid_argument("synthetic slide: " + otherwise);
}

void check_options(const std::filesystem::path& out, const SynthOptions& options) {
  for (const auto& [name, value] : {std::pair{"width", options.width}, std::pair{"height", options.height}})
    require(value >= 1 && value <= longest_side,
            fmt::format("{} is {}, must be 1 to {}", name, value, longest_side));
  require(std::isfinite(options.mpp) && options.mpp > 0.0,
          fmt::format("mpp is {}, must be a number above 0", options.mpp));
  require(
      options.tile >= 64 && options.tile <= 1024 && std::has_single_bit(static_cast<unsigned>(options.tile)),
      fmt::format("tile is {}, must be 64, 128, 256, 512 or 1024", options.tile));
  require(!options.tumors || *options.tumors >= 0,
          fmt::format("tumors is {}, must be 0 or more", options.tumors.value_or(0)));
  require(options.quality >= 1 && options.quality <= 100,
          fmt::format("quality is {}, must be 1 to 100", options.quality));
  require(options.annotations != out,
          fmt::format("the slide and its annotations have the same path {}", out.string()));
}

std::vector<Size> level_sizes(Size size) {
  std::vector<Size> out{size};
  while (std::max(size.width, size.height) > longest_thumbnail && std::min(size.width, size.height) >= 4) {
    size = {size.width / 4, size.height / 4};
    out.push_back(size);
  }
  return out;
}

std::int64_t tiles_along(std::int64_t pixels, int tile) {
  return (pixels + tile - 1) / tile;
}

std::int64_t count_tiles(const std::vector<Size>& levels, int tile) {
  std::int64_t sum = 0;
  for (const Size& size : levels) sum += tiles_along(size.width, tile) * tiles_along(size.height, tile);
  return sum;
}

/// Not much smaller than a small slide; a power of two, so that all levels and tiles divide it or it them.
int swatch_side(const SynthOptions& options) {
  const auto longest = static_cast<std::uint64_t>(std::max(options.width, options.height));
  const auto wanted = std::bit_floor(std::min<std::uint64_t>(longest, largest_swatch));
  return std::max(options.tile, static_cast<int>(wanted));
}

std::string describe(const SynthOptions& options, const Size& level, bool first) {
  std::string text = fmt::format("Aperio Image Library (synthetic)\r\n{0}x{1} [0,0 {0}x{1}] ({2}x{2})",
                                 options.width, options.height, options.tile);
  if (!first)
    return text + fmt::format(" -> {}x{} JPEG/RGB Q={}", level.width, level.height, options.quality);
  const double power = std::clamp(std::round(10.0 / options.mpp), 1.0, 1e6);
  return text + fmt::format(" JPEG/RGB Q={}|AppMag = {:.0f}|MPP = {}", options.quality, power, options.mpp);
}

/// Writes the levels of one slide into one file.
class SlideWriter {
 public:
  SlideWriter(const SynthOptions& options, const std::function<void(double)>& progress)
      : options_(options), progress_(progress), levels_(level_sizes({options.width, options.height})) {}

  void write(const synth::Scene& scene, const synth::TempFile& file) {
    synth::JpegTileEncoder encoder(options_.tile, options_.quality);
    synth::Swatches swatches = synth::render_swatches(swatch_side(options_), options_.mpp, options_.seed);
    TiffWriter tiff(file.descriptor(), file.target(), may_pass_4_gigabytes(swatches, encoder));
    double downsample = 1.0;
    for (const Size& size : levels_) {
      if (downsample > 1.0) swatches = synth::next_level(swatches);
      synth::LevelPainter painter(scene, swatches, downsample, encoder);
      tiff.begin_level(tags(size, encoder, downsample));
      write_tiles(size, painter, tiff);
      tiff.end_level();
      downsample *= 4.0;
    }
  }

 private:
  /// As if the whole slide were of the material with the largest tiles, and a quarter more.
  bool may_pass_4_gigabytes(const synth::Swatches& swatches, synth::JpegTileEncoder& encoder) const {
    const auto side = static_cast<std::size_t>(options_.tile);
    std::vector<std::uint8_t> rgb(side * side * 3);
    std::vector<std::uint8_t> stream;
    std::size_t largest = 0;
    for (const synth::Swatch& swatch : swatches) {
      for (std::size_t y = 0; y < side; ++y)
        std::copy_n(swatch.row(static_cast<std::int64_t>(y)), side * 3, rgb.data() + y * side * 3);
      encoder.encode(rgb, stream);
      largest = std::max(largest, stream.size());
    }
    constexpr double most = 4294967296.0;
    return 1.25 * static_cast<double>(largest) * static_cast<double>(count_tiles(levels_, options_.tile)) >
           most;
  }

  TiffLevel tags(const Size& size, const synth::JpegTileEncoder& encoder, double downsample) const {
    TiffLevel level;
    level.width = static_cast<std::uint32_t>(size.width);
    level.height = static_cast<std::uint32_t>(size.height);
    level.tile = static_cast<std::uint32_t>(options_.tile);
    level.mpp = options_.mpp * downsample;
    level.description = describe(options_, size, downsample == 1.0);
    level.jpeg_tables = encoder.tables();
    return level;
  }

  void write_tiles(const Size& size, synth::LevelPainter& painter, TiffWriter& tiff) {
    const std::int64_t columns = tiles_along(size.width, options_.tile);
    const std::int64_t rows = tiles_along(size.height, options_.tile);
    std::uint32_t index = 0;
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t column = 0; column < columns; ++column)
        tiff.write_tile(index++, painter.tile(column, row));
      report(columns);
    }
  }

  void report(std::int64_t tiles) {
    done_ += tiles;
    if (progress_)
      progress_(static_cast<double>(done_) / static_cast<double>(count_tiles(levels_, options_.tile)));
  }

  const SynthOptions& options_;
  const std::function<void(double)>& progress_;
  std::vector<Size> levels_;
  std::int64_t done_ = 0;  // tiles
};

}  // namespace

void write_synthetic_slide(const std::filesystem::path& out, const SynthOptions& options,
                           const std::function<void(double)>& progress) {
  check_options(out, options);
  synth::TempFile slide(out);
  std::optional<synth::TempFile> annotations;
  if (options.annotations) annotations.emplace(*options.annotations);

  const synth::Scene scene =
      synth::make_scene(options.width, options.height, options.mpp, options.seed, options.tumors);
  if (annotations) annotations->write(synth::annotations_xml(scene, options.mpp));
  SlideWriter(options, progress).write(scene, slide);

  // The annotations first: a slide that is there is complete.
  if (annotations) annotations->commit();
  try {
    slide.commit();
  } catch (...) {
    std::error_code ignored;
    if (annotations) std::filesystem::remove(annotations->target(), ignored);
    throw;
  }
}

}  // namespace flowrun::wsi
