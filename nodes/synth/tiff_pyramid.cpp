// SPDX-License-Identifier: Apache-2.0
#include "tiff_pyramid.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <new>
#include <stdexcept>
#include <system_error>

namespace flowrun::wsi::synth {
namespace {

struct FreeOptions {
  void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
};

}  // namespace

TiffPyramid::TiffPyramid(const TempFile& file, bool big) : file_(file) {
  const std::unique_ptr<TIFFOpenOptions, FreeOptions> options(TIFFOpenOptionsAlloc());
  if (!options) throw std::bad_alloc();
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_error, this);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), drop_warning, nullptr);
  // libtiff closes the descriptor it was given.
  errno = 0;
  const int descriptor = ::dup(file.descriptor());
  check(descriptor >= 0);
  // Little-endian whatever the machine, so that the same slide has the same bytes.
  tiff_.reset(TIFFFdOpenExt(descriptor, file.target().c_str(), big ? "wl8" : "wl", options.get()));
  if (!tiff_) ::close(descriptor);
  check(tiff_ != nullptr);
}

TiffPyramid::~TiffPyramid() = default;

int TiffPyramid::keep_error(TIFF*, void* self, const char*, const char* format, va_list arguments) {
  auto& message = static_cast<TiffPyramid*>(self)->message_;
  if (message[0] == '\0') std::vsnprintf(message, sizeof message, format, arguments);
  return 1;  // handled: libtiff's global handlers, which print, are not called
}

void TiffPyramid::check(bool fine) {
  const int error = errno;
  if (fine) return;
  std::string cause = message_;
  if (error != 0) {
    if (!cause.empty()) cause += ": ";
    cause += std::generic_category().message(error);
  }
  throw std::runtime_error(fmt::format("{}: cannot write: {}", file_.target().string(), cause));
}

void TiffPyramid::begin_level(const TiffLevel& level) {
  TIFF* tiff = tiff_.get();
  const auto set = [&](std::uint32_t tag, auto... values) {
    errno = 0;
    check(TIFFSetField(tiff, tag, values...) == 1);
  };
  set(TIFFTAG_SUBFILETYPE, 0);
  set(TIFFTAG_IMAGEWIDTH, level.width);
  set(TIFFTAG_IMAGELENGTH, level.height);
  set(TIFFTAG_BITSPERSAMPLE, 8);
  set(TIFFTAG_SAMPLESPERPIXEL, 3);
  set(TIFFTAG_COMPRESSION, COMPRESSION_JPEG);
  set(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_YCBCR);
  set(TIFFTAG_YCBCRSUBSAMPLING, 2, 2);
  set(TIFFTAG_YCBCRPOSITIONING, YCBCRPOSITION_CENTERED);
  set(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  set(TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT);
  set(TIFFTAG_TILEWIDTH, level.tile);
  set(TIFFTAG_TILELENGTH, level.tile);
  set(TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER);
  set(TIFFTAG_XRESOLUTION, level.pixels_per_cm);
  set(TIFFTAG_YRESOLUTION, level.pixels_per_cm);
  // Full range, as JPEG has it. libtiff would say so itself if it did the encoding.
  static float full_range[6] = {0, 255, 128, 255, 128, 255};
  set(TIFFTAG_REFERENCEBLACKWHITE, static_cast<float*>(full_range));
  set(TIFFTAG_IMAGEDESCRIPTION, level.description.c_str());
  set(TIFFTAG_JPEGTABLES, static_cast<std::uint32_t>(level.jpeg_tables.size()),
      static_cast<const void*>(level.jpeg_tables.data()));
}

void TiffPyramid::write_tile(std::uint32_t index, std::span<const std::uint8_t> stream) {
  // libtiff takes the data as void*, and leaves it as it is but for a bit order that is not used here.
  void* data = const_cast<std::uint8_t*>(stream.data());
  const auto size = static_cast<tmsize_t>(stream.size());
  errno = 0;
  check(TIFFWriteRawTile(tiff_.get(), index, data, size) == size);
}

void TiffPyramid::end_level() {
  errno = 0;
  check(TIFFWriteDirectory(tiff_.get()) == 1);
}

}  // namespace flowrun::wsi::synth
