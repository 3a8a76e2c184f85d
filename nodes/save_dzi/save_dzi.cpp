// SPDX-License-Identifier: Apache-2.0
#include "save_dzi.h"

#include <flowrun/wsi/slide.h>
#include <flowrun/wsi/thumbnail.h>
#include <fmt/format.h>

#include <opencv2/imgproc.hpp>
#include <string_view>

#include "deep_zoom.h"
#include "nodes/base/in_parallel.h"
#include "nodes/base/out_file.h"
#include "nodes/image/jpeg.h"
#include "nodes/image/png.h"
#include "nodes/slide/picture.h"

namespace flowrun::wsi {
namespace {

/// A level held in memory, and the next smaller one while that is made.
constexpr std::size_t most_held_bytes = std::size_t{most_thumbnail_pixels} * 3 * 5 / 4;

/// Bytes of one tile on its way.
std::size_t tile_bytes(const SaveDzi& options) {
  const int side = options.tile_size + 2 * options.overlap;
  const std::size_t encoded = options.format == "png" ? max_png_bytes(side, side, 3) + (std::size_t{1} << 20)
                                                      : max_jpeg_bytes(side, side);
  return static_cast<std::size_t>(side) * static_cast<std::size_t>(side) * 3 + Picture::read_bytes() +
         encoded;
}

std::size_t making_bytes(const SaveDzi& options) {
  const std::size_t tile = tile_bytes(options);
  return most_held_bytes + static_cast<std::size_t>(pieces_at_once(tile)) * tile;
}

/// Half the size, sides rounded up: what is missing at the edge repeats it.
cv::Mat halved(const cv::Mat& picture) {
  const int right = picture.cols % 2, bottom = picture.rows % 2;
  cv::Mat even = picture, half;
  if (right || bottom) cv::copyMakeBorder(picture, even, 0, bottom, 0, right, cv::BORDER_REPLICATE);
  cv::resize(even, half, {even.cols / 2, even.rows / 2}, 0, 0, cv::INTER_AREA);
  return half;
}

class Writer {
 public:
  Writer(const SaveDzi& options, const Slide& slide, const Scope& scope, std::filesystem::path folder)
      : options_(options),
        slide_(slide),
        scope_(scope),
        folder_(std::move(folder)),
        zoom_{picture_size(slide, slide.facts().width(), slide.facts().height()), options.tile_size,
              options.overlap} {}

  const DeepZoom& zoom() const { return zoom_; }

  /// False when the scope failed meanwhile.
  bool write() {
    int level = zoom_.last_level();
    for (; zoom_.pixels(level) > most_thumbnail_pixels; --level) {
      const Picture picture = picture_of(level);
      if (!write_level(level, [&](const cv::Rect& window) {
            cv::Mat rgb(window.size(), CV_8UC3);
            picture.read(window.x, window.y, rgb);
            return rgb;
          }))
        return false;
    }
    // From here on in memory, or slides without small levels would be decoded for each level anew.
    cv::Mat held;
    for (; level >= 0; --level) {
      if (held.empty() && !read_whole(picture_of(level), held)) return false;
      if (held.size() != zoom_.size_of(level)) held = halved(held);
      if (!write_level(level, [&](const cv::Rect& window) { return held(window); })) return false;
    }
    return true;
  }

 private:
  Picture picture_of(int level) const {
    return {slide_, static_cast<double>(std::int64_t{1} << (zoom_.last_level() - level)),
            zoom_.size_of(level)};
  }

  int at_once() const { return pieces_at_once(tile_bytes(options_)); }

  bool read_whole(const Picture& picture, cv::Mat& rgb) const {
    constexpr int side = 512;
    rgb.create(picture.size(), CV_8UC3);
    const int columns = (rgb.cols + side - 1) / side, rows = (rgb.rows + side - 1) / side;
    return in_parallel(std::int64_t{columns} * rows, at_once(), scope_, [&](std::int64_t number) {
      const cv::Point corner(static_cast<int>(number % columns) * side,
                             static_cast<int>(number / columns) * side);
      cv::Mat part = rgb(cv::Rect(corner, cv::Size(side, side)) & cv::Rect({}, rgb.size()));
      picture.read(corner.x, corner.y, part);
      return nullptr;
    });
  }

  template <class Pixels>
  bool write_level(int level, Pixels pixels) const {
    const auto folder = folder_ / std::to_string(level);
    std::filesystem::create_directories(folder);
    const int columns = zoom_.columns(level);
    return in_parallel(
        std::int64_t{columns} * zoom_.rows(level), at_once(), scope_, [&](std::int64_t number) {
          const int column = static_cast<int>(number % columns), row = static_cast<int>(number / columns);
          const cv::Mat rgb = pixels(zoom_.window(level, column, row));
          std::vector<std::uint8_t> bytes;
          if (options_.format == "png")
            encode_png(rgb, bytes);
          else
            encode_jpeg(rgb, options_.quality, bytes);
          write_file(folder / fmt::format("{}_{}.{}", column, row, options_.format), bytes);
          return nullptr;
        });
  }

  const SaveDzi& options_;
  const Slide& slide_;
  const Scope& scope_;
  const std::filesystem::path folder_;
  const DeepZoom zoom_;
};

}  // namespace

void SaveDzi::describe(Description<SaveDzi>& d) {
  d.summary("Writes a slide as a DeepZoom image, for viewers in a browser.")
      .details(
          "<slide>.dzi and the folder <slide>_files with <level>/<column>_<row>.jpeg (or .png), as "
          "OpenSeadragon reads them. Level 0 is one pixel, the last level the slide's level 0; each is made "
          "from the coarsest level of the slide that is fine enough, the small ones from one that is held in "
          "memory. Defaults are those of libvips.")
      .example("zoom: {type: save_dzi, from: slides, dir: zoom}")
      .input<Slide>("slide");
  d.option("dir", &SaveDzi::dir, "folder to write to").required().output_folder();
  d.option("tile_size", &SaveDzi::tile_size, "pixels of a tile without its overlap")
      .at_least(16)
      .at_most(4096);
  d.option("overlap", &SaveDzi::overlap, "pixels of each neighbour that a tile shows")
      .at_least(0)
      .at_most(64);
  d.option("format", &SaveDzi::format, "how tiles are encoded; png is lossless").choices({"jpeg", "png"});
  d.option("quality", &SaveDzi::quality, "of JPEG").at_least(1).at_most(100);
}

void SaveDzi::plan(Costs& costs) {
  costs.scratch = making_bytes(*this);
}

CallBytes SaveDzi::bytes(const Inputs&) const {
  return {.scratch = making_bytes(*this)};
}

void SaveDzi::process(Inputs& in, Outputs&) {
  const std::string& name = in.scope().name();
  Writer writer(*this, in.get<Slide>("slide"), in.scope(), in.scope().stage(dir, name + "_files"));
  if (!writer.write()) return;
  OutFile descriptor(in.scope().stage(dir, name + ".dzi"));
  descriptor.write(writer.zoom().descriptor(format));
  descriptor.close();
}

}  // namespace flowrun::wsi
