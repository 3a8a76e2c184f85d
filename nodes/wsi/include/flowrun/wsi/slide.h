// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flowrun::wsi {

/// One resolution of a slide.
struct Level {
  std::int64_t width = 0;   ///< pixels of this level
  std::int64_t height = 0;  ///< pixels of this level
  double downsample = 1;    ///< level-0 pixels per pixel of this level
  int tile_width = 256;     ///< of the file's own tiles: reading whole ones is cheapest
  int tile_height = 256;    ///< likewise
};

/// What the colours of pixels are: as the file stores them, or turned from the file's ICC profile into sRGB.
enum class Color { stored, icc };

/// What is known of a slide without reading pixels.
struct SlideFacts {
  std::filesystem::path path;
  std::string name;     ///< of the slide's scope, fit for a file name
  std::string patient;  ///< whom it is of; empty: not known
  std::string vendor;   ///< as OpenSlide names it: "aperio", "hamamatsu", ...
  std::vector<Level> levels;
  std::optional<double> mpp;                              ///< microns per level-0 pixel (mean of x and y)
  std::optional<double> objective_power;                  ///< magnification, e.g. 20
  cv::Rect2d bounds;                                      ///< where there is anything, level-0 pixels
  std::array<std::uint8_t, 3> background{255, 255, 255};  ///< RGB, behind transparent pixels
  Color color = Color::stored;                            ///< of the pixels that are read
  std::vector<std::string> notes;  ///< what of this is doubtful, and what was made of it, for the user

  std::int64_t width() const { return levels.front().width; }
  std::int64_t height() const { return levels.front().height; }
  /// `mpp`, or throws Error that says how to give it by hand.
  double mpp_or_throw() const;
  /// `objective_power`, or throws Error that says what to do without.
  double objective_power_or_throw() const;
};

/// Reads pixels of one level. Implementations are thread-safe.
class PixelReader {
 public:
  virtual ~PixelReader() = default;
  /// What it is called in messages.
  virtual std::string_view name() const { return "a plugin"; }
  /// Bytes per pixel that read() may take besides its result.
  static constexpr std::size_t scratch_per_pixel = 4;

  /// Fills `rgb` (rows x cols x 3, 8 bit, RGB) with the pixels from column `x`, row `y` of the level on, in
  /// pixels of that level. What lies outside the level gets the background colour. Throws Error naming
  /// slide, level, x and y.
  virtual void read(int level, std::int64_t x, std::int64_t y, cv::Mat& rgb) = 0;

  /// Copies the file's own JPEG tile that begins at (x, y) of the level and is `size` pixels wide and high,
  /// as a complete JPEG file. False when there is none: the tiles are of another size, place or compression.
  virtual bool copy_jpeg_tile(int /*level*/, std::int64_t /*x*/, std::int64_t /*y*/, int /*size*/,
                              std::vector<std::uint8_t>& /*jpeg*/) {
    return false;
  }
};

/// What reads a slide's pixels: OpenSlide, or libtiff, libjpeg and OpenJPEG directly, which can read tiled
/// RGB TIFFs (Aperio, generic) in JPEG, JPEG 2000, deflate, LZW, PackBits or uncompressed, and gives the same
/// pixels several times as fast. `automatic` takes what can.
enum class Backend { automatic, openslide, tiff };

/// How a slide is opened.
struct SlideOptions {
  std::optional<double> mpp{};  ///< microns per level-0 pixel, instead of what the file says
  Backend backend = Backend::automatic;
  std::string patient{};  ///< becomes SlideFacts::patient
  Color color =
      Color::stored;  ///< icc: a slide without a profile is read as it is stored, and a note says so
};

/// An open whole-slide image. Files are closed with the last copy. Thread-safe.
class Slide {
 public:
  static constexpr std::string_view packet_type = "wsi.slide/1";

  /// Most bytes that an open slide keeps of decoded tiles.
  static constexpr std::size_t cache_bytes = std::size_t{32} << 20;

  /// Opens `path`. OpenSlide says what kind of slide it is, unless the tiff backend reads it and it is
  /// Aperio's and says its MPP: then its TIFF directories do, to the same effect and faster. `name` becomes
  /// facts().name. Throws Error when it is not a slide, or not one for the backend.
  static Slide open(const std::filesystem::path& path, std::string name, const SlideOptions& options = {});
  /// A slide of any other kind: what is known of it, with at least one level, and what reads its pixels. Use
  /// it for a scanner's format that OpenSlide does not know.
  Slide(std::shared_ptr<const SlideFacts> facts, std::shared_ptr<PixelReader> reader);

  const SlideFacts& facts() const { return *facts_; }
  std::shared_ptr<const SlideFacts> share_facts() const { return facts_; }
  const Level& level(int level) const { return facts_->levels.at(static_cast<std::size_t>(level)); }
  int level_count() const { return static_cast<int>(facts_->levels.size()); }
  /// The coarsest level that is at least as fine as `downsample` (0.5 % coarser counts as equal: scanners'
  /// levels are not exact powers).
  int level_for(double downsample) const;

  /// See PixelReader::name.
  std::string_view reader_name() const { return reader_->name(); }
  /// See PixelReader::read.
  void read(int level, std::int64_t x, std::int64_t y, cv::Mat& rgb) const {
    reader_->read(level, x, y, rgb);
  }
  /// See PixelReader::copy_jpeg_tile.
  bool copy_jpeg_tile(int level, std::int64_t x, std::int64_t y, int size,
                      std::vector<std::uint8_t>& jpeg) const {
    return reader_->copy_jpeg_tile(level, x, y, size, jpeg);
  }

 private:
  std::shared_ptr<const SlideFacts> facts_;
  std::shared_ptr<PixelReader> reader_;
};

}  // namespace flowrun::wsi
