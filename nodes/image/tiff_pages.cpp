// SPDX-License-Identifier: Apache-2.0
#include "tiff_pages.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <memory>
#include <string_view>
#include <utility>

namespace flowrun::wsi {
namespace {

template <class T>
T field(TIFF* tiff, std::uint32_t tag, T otherwise) {
  T value{};
  return TIFFGetFieldDefaulted(tiff, tag, &value) == 1 ? value : otherwise;
}

TiffPage current_page(TIFF* tiff) {
  TiffPage page;
  page.number = TIFFCurrentDirectory(tiff);
  page.tiled = TIFFIsTiled(tiff) != 0;
  page.reduced = (field<std::uint32_t>(tiff, TIFFTAG_SUBFILETYPE, 0) & FILETYPE_REDUCEDIMAGE) != 0;
  page.compression = field(tiff, TIFFTAG_COMPRESSION, page.compression);
  // libtiff knows the tag only where the codec does.
  const bool predicts = page.compression == COMPRESSION_LZW || page.compression == COMPRESSION_DEFLATE ||
                        page.compression == COMPRESSION_ADOBE_DEFLATE;
  if (predicts) page.predictor = field(tiff, TIFFTAG_PREDICTOR, page.predictor);
  page.photometric = field(tiff, TIFFTAG_PHOTOMETRIC, page.photometric);
  page.orientation = field(tiff, TIFFTAG_ORIENTATION, page.orientation);
  page.channels = field(tiff, TIFFTAG_SAMPLESPERPIXEL, page.channels);
  page.bits = field(tiff, TIFFTAG_BITSPERSAMPLE, page.bits);
  page.contiguous = field<std::uint16_t>(tiff, TIFFTAG_PLANARCONFIG, 0) == PLANARCONFIG_CONTIG;
  page.depth = field(tiff, TIFFTAG_IMAGEDEPTH, page.depth);
  page.width = field<std::uint32_t>(tiff, TIFFTAG_IMAGEWIDTH, 0);
  page.height = field<std::uint32_t>(tiff, TIFFTAG_IMAGELENGTH, 0);
  if (page.tiled) {
    page.tile_width = field<std::uint32_t>(tiff, TIFFTAG_TILEWIDTH, 0);
    page.tile_height = field<std::uint32_t>(tiff, TIFFTAG_TILELENGTH, 0);
  }
  if (const auto* text = field<const char*>(tiff, TIFFTAG_IMAGEDESCRIPTION, nullptr)) page.description = text;
  return page;
}

}  // namespace

std::vector<TiffPage> tiff_pages(const std::filesystem::path& path) {
  // libtiff fills lists that are too short with zeros, as if tiles were left out, and only warns.
  bool short_list = false;
  const auto on_warning = [](TIFF*, void* seen, const char*, const char* format, va_list arguments) {
    std::array<char, 256> text;
    std::vsnprintf(text.data(), text.size(), format, arguments);
    if (std::string_view(text.data()).starts_with("Incorrect count for \"Tile"))
      *static_cast<bool*>(seen) = true;
    return 1;
  };
  quiet_tiff();
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                             TIFFOpenOptionsFree);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, &short_list);
  const TiffFile tiff(TIFFOpenExt(path.c_str(), "rm", options.get()));
  std::vector<TiffPage> pages;
  if (!tiff) return pages;
  for (;;) {
    pages.push_back(current_page(tiff.get()));
    pages.back().lists_all_tiles = !std::exchange(short_list, false);
    if (TIFFLastDirectory(tiff.get())) return pages;
    if (!TIFFReadDirectory(tiff.get())) return {};
  }
}

}  // namespace flowrun::wsi
