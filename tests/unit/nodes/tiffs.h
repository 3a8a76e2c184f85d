// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <doctest/doctest.h>
#include <tiffio.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace flowrun::test {

/// A directory of a TIFF as libtiff decodes it.
struct TiffImage {
  cv::Mat pixels;  ///< RGB or grey
  std::uint32_t tile = 0, subfile_type = 0;
  std::uint16_t compression = 0, resolution_unit = 0;
  float x_resolution = 0, y_resolution = 0;
};

/// Every directory of a tiled TIFF. Fails the test when libtiff says a warning or an error.
inline std::vector<TiffImage> read_tiff(const std::filesystem::path& path) {
  std::string said;
  const auto keep = [](TIFF*, void* to, const char*, const char* format, va_list arguments) {
    char text[500];
    std::vsnprintf(text, sizeof text, format, arguments);
    *static_cast<std::string*>(to) += text;
    return 1;
  };
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                             TIFFOpenOptionsFree);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep, &said);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), keep, &said);
  const std::unique_ptr<TIFF, void (*)(TIFF*)> tiff(TIFFOpenExt(path.c_str(), "r", options.get()), TIFFClose);
  REQUIRE(tiff);
  std::vector<TiffImage> images;
  do {
    TiffImage image;
    std::uint32_t width = 0, height = 0;
    std::uint16_t channels = 0;
    TIFFGetField(tiff.get(), TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tiff.get(), TIFFTAG_IMAGELENGTH, &height);
    TIFFGetField(tiff.get(), TIFFTAG_TILEWIDTH, &image.tile);
    TIFFGetField(tiff.get(), TIFFTAG_SAMPLESPERPIXEL, &channels);
    TIFFGetField(tiff.get(), TIFFTAG_COMPRESSION, &image.compression);
    TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_SUBFILETYPE, &image.subfile_type);
    TIFFGetField(tiff.get(), TIFFTAG_RESOLUTIONUNIT, &image.resolution_unit);
    TIFFGetField(tiff.get(), TIFFTAG_XRESOLUTION, &image.x_resolution);
    TIFFGetField(tiff.get(), TIFFTAG_YRESOLUTION, &image.y_resolution);
    if (image.compression == COMPRESSION_JPEG)
      TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    const auto side = static_cast<int>(image.tile);
    image.pixels.create(static_cast<int>(height), static_cast<int>(width), CV_8UC(channels));
    cv::Mat tile(side, side, image.pixels.type());
    for (int y = 0; y < image.pixels.rows; y += side)
      for (int x = 0; x < image.pixels.cols; x += side) {
        const auto number =
            TIFFComputeTile(tiff.get(), static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y), 0, 0);
        const auto bytes = static_cast<tmsize_t>(tile.total() * tile.elemSize());
        REQUIRE(TIFFReadEncodedTile(tiff.get(), number, tile.data, bytes) == bytes);
        const cv::Rect place = cv::Rect(x, y, side, side) & cv::Rect({}, image.pixels.size());
        tile(cv::Rect({}, place.size())).copyTo(image.pixels(place));
      }
    images.push_back(std::move(image));
  } while (TIFFReadDirectory(tiff.get()));
  CHECK(said == "");
  return images;
}

inline bool equal(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && a.type() == b.type() && cv::norm(a, b, cv::NORM_INF) == 0;
}

/// Mean difference of two pictures' values.
inline double difference(const cv::Mat& a, const cv::Mat& b) {
  REQUIRE(a.size() == b.size());
  return cv::norm(a, b, cv::NORM_L1) / static_cast<double>(a.total() * a.channels());
}

}  // namespace flowrun::test
