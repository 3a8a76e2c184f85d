// SPDX-License-Identifier: Apache-2.0
#include "tiff_writer.h"

#include <fcntl.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <new>
#include <system_error>
#include <utility>

namespace flowrun::wsi {
namespace {

struct FreeOptions {
  void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

}  // namespace

TiffWriter::TiffWriter(const std::filesystem::path& file, bool big) : name_(file) {
  errno = 0;
  open(::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666), big);
}

TiffWriter::TiffWriter(int descriptor, std::filesystem::path name, bool big) : name_(std::move(name)) {
  errno = 0;
  open(::dup(descriptor), big);
}

/// libtiff closes the descriptor that it is given.
void TiffWriter::open(int descriptor, bool big) {
  check(descriptor >= 0);
  const std::unique_ptr<TIFFOpenOptions, FreeOptions> options(TIFFOpenOptionsAlloc());
  if (!options) throw std::bad_alloc();
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_error, this);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), drop_warning, nullptr);
  errno = 0;
  tiff_.reset(TIFFFdOpenExt(descriptor, name_.c_str(), big ? "wl8" : "wl", options.get()));
  if (!tiff_) ::close(descriptor);
  check(tiff_ != nullptr);
}

int TiffWriter::keep_error(TIFF*, void* self, const char*, const char* format, va_list arguments) {
  auto& message = static_cast<TiffWriter*>(self)->message_;
  if (message[0] == '\0') std::vsnprintf(message, sizeof message, format, arguments);
  return 1;  // handled: libtiff's global handlers, which print, are not called
}

void TiffWriter::check(bool fine) const {
  const int error = errno;
  if (fine) return;
  std::string cause = message_;
  if (error != 0) {
    if (!cause.empty()) cause += ": ";
    cause += std::generic_category().message(error);
  }
  throw Error(fmt::format("{}: cannot write: {}", name_.string(), cause));
}

void TiffWriter::begin_level(const TiffLevel& level) {
  TIFF* tiff = tiff_.get();
  const auto set = [&](std::uint32_t tag, auto... values) {
    errno = 0;
    check(TIFFSetField(tiff, tag, values...) == 1);
  };
  const bool jpeg = level.tiles == TiffTiles::jpeg;
  const bool grey = level.tiles == TiffTiles::deflate_grey;
  set(TIFFTAG_SUBFILETYPE, level.reduced ? FILETYPE_REDUCEDIMAGE : 0);
  set(TIFFTAG_IMAGEWIDTH, level.width);
  set(TIFFTAG_IMAGELENGTH, level.height);
  set(TIFFTAG_BITSPERSAMPLE, 8);
  set(TIFFTAG_SAMPLESPERPIXEL, grey ? 1 : 3);
  set(TIFFTAG_COMPRESSION, jpeg ? COMPRESSION_JPEG : COMPRESSION_ADOBE_DEFLATE);
  set(TIFFTAG_PHOTOMETRIC, jpeg ? PHOTOMETRIC_YCBCR : grey ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB);
  set(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  set(TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  set(TIFFTAG_TILEWIDTH, level.tile);
  set(TIFFTAG_TILELENGTH, level.tile);
  if (level.mpp) {
    set(TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER);
    set(TIFFTAG_XRESOLUTION, 10000.0 / *level.mpp);
    set(TIFFTAG_YRESOLUTION, 10000.0 / *level.mpp);
  }
  if (level.tiles == TiffTiles::deflate_rgb) set(TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL);
  if (jpeg) {
    set(TIFFTAG_YCBCRSUBSAMPLING, 2, 2);
    set(TIFFTAG_YCBCRPOSITIONING, YCBCRPOSITION_CENTERED);
    // Full range, as JPEG has it. libtiff would say so itself if it did the encoding.
    static float full_range[6] = {0, 255, 128, 255, 128, 255};
    set(TIFFTAG_REFERENCEBLACKWHITE, static_cast<float*>(full_range));
  }
  if (!level.description.empty()) set(TIFFTAG_IMAGEDESCRIPTION, level.description.c_str());
  if (!level.jpeg_tables.empty())
    set(TIFFTAG_JPEGTABLES, static_cast<std::uint32_t>(level.jpeg_tables.size()),
        static_cast<const void*>(level.jpeg_tables.data()));
}

void TiffWriter::write_tile(std::uint32_t index, std::span<const std::uint8_t> stream) {
  // libtiff takes the data as void*, and leaves it as it is but for a bit order that is not used here.
  void* data = const_cast<std::uint8_t*>(stream.data());
  const auto size = static_cast<tmsize_t>(stream.size());
  errno = 0;
  check(TIFFWriteRawTile(tiff_.get(), index, data, size) == size);
}

void TiffWriter::end_level() {
  errno = 0;
  check(TIFFWriteDirectory(tiff_.get()) == 1);
}

}  // namespace flowrun::wsi
