// SPDX-License-Identifier: Apache-2.0
#include "image_file.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <png.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <memory>
#include <system_error>
#include <vector>

namespace flowrun::wsi {
namespace {

constexpr std::int64_t most_pixels = 100'000'000;

using Bytes = std::vector<std::uint8_t>;

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) {
  throw Error(fmt::format("{}: {}", file.string(), what));
}

Bytes content_of(const std::filesystem::path& file, std::size_t most) {
  std::error_code problem;
  const auto size = std::filesystem::file_size(file, problem);
  if (problem) fail(file, problem.message());
  Bytes bytes(std::min<std::size_t>(most, size));
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  if (!in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size())))
    fail(file, fmt::format("cannot be read: {}", std::generic_category().message(errno)));
  return bytes;
}

bool is_png(const Bytes& bytes) {
  return bytes.size() >= 8 && png_sig_cmp(bytes.data(), 0, 8) == 0;
}
bool is_jpeg(const Bytes& bytes) {
  return bytes.size() >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

cv::Mat pixels_for(const std::filesystem::path& file, std::int64_t width, std::int64_t height,
                   std::optional<int> side) {
  if (side && (width != *side || height != *side))
    fail(file, fmt::format("the image has {} x {} pixels, expected {} x {}", width, height, *side, *side));
  if (width * height > most_pixels)
    fail(file, fmt::format("the image has {} x {} pixels; at most {} are read", width, height, most_pixels));
  return cv::Mat(static_cast<int>(height), static_cast<int>(width), CV_8UC3);
}

cv::Mat decode_png(const std::filesystem::path& file, const Bytes& bytes, std::optional<int> side) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_image*)> owner(&image, &png_image_free);
  if (!png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()))
    fail(file, fmt::format("broken PNG: {}", image.message));
  cv::Mat rgb = pixels_for(file, image.width, image.height, side);
  image.format = PNG_FORMAT_RGB;
  const png_color white{255, 255, 255};
  if (!png_image_finish_read(&image, &white, rgb.data, static_cast<png_int_32>(rgb.step), nullptr) ||
      PNG_IMAGE_FAILED(image))
    fail(file, fmt::format("broken PNG: {}", image.message));
  return rgb;
}

cv::Mat decode_jpeg(const std::filesystem::path& file, const Bytes& bytes, std::optional<int> side) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), &tjDestroy);
  int width = 0, height = 0, subsampling = 0, colours = 0;
  const auto size = static_cast<unsigned long>(bytes.size());
  const auto check = [&](int result) {
    if (result != 0) fail(file, fmt::format("broken JPEG: {}", tjGetErrorStr2(decoder.get())));
  };
  check(tjDecompressHeader3(decoder.get(), bytes.data(), size, &width, &height, &subsampling, &colours));
  if (width <= 0 || height <= 0) fail(file, "broken JPEG: it ends before the image");
  cv::Mat rgb = pixels_for(file, width, height, side);
  check(tjDecompress2(decoder.get(), bytes.data(), size, rgb.data, width, static_cast<int>(rgb.step), height,
                      TJPF_RGB, TJFLAG_ACCURATEDCT));
  return rgb;
}

}  // namespace

bool is_image_file(const std::filesystem::path& path) {
  const Bytes start = content_of(path, 8);
  return is_png(start) || is_jpeg(start);
}

cv::Mat read_image_file(const std::filesystem::path& path, std::optional<int> side) {
  const Bytes bytes = content_of(path, SIZE_MAX);
  if (is_png(bytes)) return decode_png(path, bytes, side);
  if (is_jpeg(bytes)) return decode_jpeg(path, bytes, side);
  fail(path, bytes.empty() ? "the file is empty" : "neither PNG nor JPEG");
}

}  // namespace flowrun::wsi
