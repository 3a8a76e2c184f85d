// SPDX-License-Identifier: Apache-2.0
#include "image_file.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <png.h>
#include <turbojpeg.h>

#include <cerrno>
#include <cstdint>
#include <fstream>
#include <memory>
#include <system_error>
#include <vector>

namespace flowrun::wsi {
namespace {

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) {
  throw Error(fmt::format("{}: {}", file.string(), what));
}

std::vector<std::uint8_t> content_of(const std::filesystem::path& file) {
  std::error_code problem;
  const auto size = std::filesystem::file_size(file, problem);
  if (problem) fail(file, problem.message());
  std::vector<std::uint8_t> bytes(size);
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
    fail(file, fmt::format("cannot be read: {}", std::generic_category().message(errno)));
  return bytes;
}

void check_size(const std::filesystem::path& file, std::int64_t width, std::int64_t height, int side) {
  if (width != side || height != side)
    fail(file, fmt::format("the image has {} x {} pixels, expected {} x {}", width, height, side, side));
}

void decode_png(const std::filesystem::path& file, const std::vector<std::uint8_t>& bytes, cv::Mat& rgb) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_image*)> owner(&image, &png_image_free);
  if (!png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()))
    fail(file, fmt::format("broken PNG: {}", image.message));
  check_size(file, image.width, image.height, rgb.cols);
  image.format = PNG_FORMAT_RGB;
  const png_color white{255, 255, 255};
  if (!png_image_finish_read(&image, &white, rgb.data, static_cast<png_int_32>(rgb.step), nullptr) ||
      PNG_IMAGE_FAILED(image))
    fail(file, fmt::format("broken PNG: {}", image.message));
}

void decode_jpeg(const std::filesystem::path& file, const std::vector<std::uint8_t>& bytes, cv::Mat& rgb) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), &tjDestroy);
  int width = 0, height = 0, subsampling = 0, colours = 0;
  const auto size = static_cast<unsigned long>(bytes.size());
  const auto check = [&](int result) {
    if (result != 0) fail(file, fmt::format("broken JPEG: {}", tjGetErrorStr2(decoder.get())));
  };
  check(tjDecompressHeader3(decoder.get(), bytes.data(), size, &width, &height, &subsampling, &colours));
  if (width <= 0 || height <= 0) fail(file, "broken JPEG: it ends before the image");
  check_size(file, width, height, rgb.cols);
  check(tjDecompress2(decoder.get(), bytes.data(), size, rgb.data, width, static_cast<int>(rgb.step), height,
                      TJPF_RGB, TJFLAG_ACCURATEDCT));
}

bool begins_with(const std::vector<std::uint8_t>& bytes, std::initializer_list<std::uint8_t> magic) {
  return bytes.size() >= magic.size() && std::equal(magic.begin(), magic.end(), bytes.begin());
}

}  // namespace

cv::Mat read_image(const std::filesystem::path& file, int side) {
  const std::vector<std::uint8_t> bytes = content_of(file);
  cv::Mat rgb(side, side, CV_8UC3);
  if (begins_with(bytes, {0x89, 'P', 'N', 'G'}))
    decode_png(file, bytes, rgb);
  else if (begins_with(bytes, {0xff, 0xd8, 0xff}))
    decode_jpeg(file, bytes, rgb);
  else
    fail(file, bytes.empty() ? "the file is empty" : "neither PNG nor JPEG");
  return rgb;
}

}  // namespace flowrun::wsi
