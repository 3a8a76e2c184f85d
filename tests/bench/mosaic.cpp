// SPDX-License-Identifier: Apache-2.0
// Real tissue at a real slide's size: repeats the whole JPEG tiles of a small slide's first level, as they
// are in the file, into a larger slide, and adds a second level, four times smaller. usage: bench_mosaic
// SLIDE OUT.svs COLUMNS ROWS
#include <flowrun/wsi/slide.h>
#include <fmt/format.h>
#include <tiffio.h>

#include <cstdio>
#include <memory>
#include <opencv2/imgproc.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr std::uint32_t downsample = 4;
using Tiff = std::unique_ptr<TIFF, void (*)(TIFF*)>;

void check(bool fine) {
  if (!fine) throw std::runtime_error("bench_mosaic: the slide cannot be read or the mosaic written");
}

template <class T>
T field(const Tiff& tiff, std::uint32_t tag) {
  T value{};
  check(TIFFGetField(tiff.get(), tag, &value) == 1);
  return value;
}

void begin_level(const Tiff& to, const Tiff& from, std::uint32_t width, std::uint32_t height) {
  TIFFSetField(to.get(), TIFFTAG_IMAGEWIDTH, width);
  TIFFSetField(to.get(), TIFFTAG_IMAGELENGTH, height);
  for (const std::uint32_t tag : {TIFFTAG_TILEWIDTH, TIFFTAG_TILELENGTH})
    TIFFSetField(to.get(), tag, field<std::uint32_t>(from, tag));
  for (const std::uint32_t tag : {TIFFTAG_COMPRESSION, TIFFTAG_PHOTOMETRIC, TIFFTAG_SAMPLESPERPIXEL,
                                  TIFFTAG_BITSPERSAMPLE, TIFFTAG_PLANARCONFIG})
    TIFFSetField(to.get(), tag, field<std::uint16_t>(from, tag));
  TIFFSetField(to.get(), TIFFTAG_IMAGEDESCRIPTION, field<const char*>(from, TIFFTAG_IMAGEDESCRIPTION));
}

void write_full_level(const Tiff& from, const Tiff& to, std::uint32_t width, std::uint32_t height,
                      std::uint32_t columns, std::uint32_t rows) {
  const auto side = field<std::uint32_t>(from, TIFFTAG_TILEWIDTH);
  const std::uint32_t in_file = (field<std::uint32_t>(from, TIFFTAG_IMAGEWIDTH) + side - 1) / side;
  begin_level(to, from, width, height);
  std::uint32_t bytes = 0;
  const void* tables = nullptr;
  check(TIFFGetField(from.get(), TIFFTAG_JPEGTABLES, &bytes, &tables) == 1);
  TIFFSetField(to.get(), TIFFTAG_JPEGTABLES, bytes, tables);
  std::vector<std::uint8_t> raw(1 << 20);
  for (std::uint32_t row = 0, index = 0; row < height / side; ++row)
    for (std::uint32_t column = 0; column < width / side; ++column, ++index) {
      const tmsize_t size = TIFFReadRawTile(from.get(), row % rows * in_file + column % columns, raw.data(),
                                            static_cast<tmsize_t>(raw.size()));
      check(size > 0 && TIFFWriteRawTile(to.get(), index, raw.data(), size) == size);
    }
  check(TIFFWriteDirectory(to.get()) == 1);
}

void write_small_level(const Tiff& from, const Tiff& to, const cv::Mat& repeated, std::uint32_t width,
                       std::uint32_t height) {
  begin_level(to, from, width, height);
  const auto side = field<std::uint32_t>(from, TIFFTAG_TILEWIDTH);
  cv::Mat tile(static_cast<int>(side), static_cast<int>(side), CV_8UC3);
  for (std::uint32_t y = 0; y < height; y += side)
    for (std::uint32_t x = 0; x < width; x += side) {
      for (int row = 0; row < tile.rows; ++row)
        for (int column = 0; column < tile.cols; ++column)
          tile.at<cv::Vec3b>(row, column) = repeated.at<cv::Vec3b>(
              (static_cast<int>(y) + row) % repeated.rows, (static_cast<int>(x) + column) % repeated.cols);
      check(TIFFWriteTile(to.get(), tile.data, x, y, 0, 0) > 0);
    }
  check(TIFFWriteDirectory(to.get()) == 1);
}

void make(const std::string& slide, const std::string& out, std::uint32_t columns, std::uint32_t rows) {
  TIFFSetWarningHandler(nullptr);
  const Tiff from(TIFFOpen(slide.c_str(), "r"), TIFFClose), to(TIFFOpen(out.c_str(), "w"), TIFFClose);
  check(from && to);
  const auto side = field<std::uint32_t>(from, TIFFTAG_TILEWIDTH);
  const std::uint32_t whole_columns = field<std::uint32_t>(from, TIFFTAG_IMAGEWIDTH) / side;
  const std::uint32_t whole_rows = field<std::uint32_t>(from, TIFFTAG_IMAGELENGTH) / side;
  const std::uint32_t width = whole_columns * side * columns, height = whole_rows * side * rows;
  write_full_level(from, to, width, height, whole_columns, whole_rows);

  cv::Mat whole(static_cast<int>(whole_rows * side), static_cast<int>(whole_columns * side), CV_8UC3), small;
  flowrun::wsi::Slide::open(slide, "s").read(0, 0, 0, whole);
  cv::resize(whole, small, whole.size() / static_cast<int>(downsample), 0, 0, cv::INTER_AREA);
  write_small_level(from, to, small, width / downsample, height / downsample);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return fmt::print(stderr, "usage: bench_mosaic SLIDE OUT.svs COLUMNS ROWS\n"), 2;
  make(argv[1], argv[2], static_cast<std::uint32_t>(std::stoul(argv[3])),
       static_cast<std::uint32_t>(std::stoul(argv[4])));
  return 0;
}
