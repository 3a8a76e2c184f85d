// SPDX-License-Identifier: Apache-2.0
#include "image_file.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <png.h>
#include <turbojpeg.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

namespace flowrun::wsi {
namespace {

constexpr std::uint64_t most_pixels = 100'000'000;

using Bytes = std::vector<std::uint8_t>;

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& problem) {
  throw Error(fmt::format("{}: {}", path.string(), problem));
}

Bytes read_bytes(const std::filesystem::path& path, std::size_t most) {
  std::ifstream file(path, std::ios::binary);
  if (!file || std::filesystem::is_directory(path)) fail(path, "cannot be opened");
  Bytes bytes(std::min<std::size_t>(most, std::filesystem::file_size(path)));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!file) fail(path, "cannot be read");
  return bytes;
}

bool is_png(const Bytes& bytes) {
  return bytes.size() >= 8 && png_sig_cmp(bytes.data(), 0, 8) == 0;
}
bool is_jpeg(const Bytes& bytes) {
  return bytes.size() >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff;
}

cv::Mat pixels_for(const std::filesystem::path& path, std::uint64_t width, std::uint64_t height) {
  if (width * height > most_pixels)
    fail(path, fmt::format("has {} x {} pixels; at most {} are read", width, height, most_pixels));
  return cv::Mat(static_cast<int>(height), static_cast<int>(width), CV_8UC3);
}

cv::Mat decode_png(const std::filesystem::path& path, const Bytes& bytes) {
  png_image png;
  std::memset(&png, 0, sizeof png);
  png.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_image*)> freed(&png, &png_image_free);
  if (!png_image_begin_read_from_memory(&png, bytes.data(), bytes.size())) fail(path, png.message);
  png.format = PNG_FORMAT_RGB;
  cv::Mat rgb = pixels_for(path, png.width, png.height);
  const png_color white{255, 255, 255};
  if (!png_image_finish_read(&png, &white, rgb.data, 0, nullptr)) fail(path, png.message);
  return rgb;
}

cv::Mat decode_jpeg(const std::filesystem::path& path, const Bytes& bytes) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), &tjDestroy);
  int width = 0, height = 0, sampling = 0, space = 0;
  if (tjDecompressHeader3(decoder.get(), bytes.data(), bytes.size(), &width, &height, &sampling, &space) != 0)
    fail(path, tjGetErrorStr2(decoder.get()));
  cv::Mat rgb = pixels_for(path, static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height));
  if (tjDecompress2(decoder.get(), bytes.data(), bytes.size(), rgb.data, width, 0, height, TJPF_RGB, 0) != 0)
    fail(path, tjGetErrorStr2(decoder.get()));
  return rgb;
}

}  // namespace

bool is_image_file(const std::filesystem::path& path) {
  const Bytes start = read_bytes(path, 8);
  return is_png(start) || is_jpeg(start);
}

cv::Mat read_image_file(const std::filesystem::path& path) {
  const Bytes bytes = read_bytes(path, SIZE_MAX);
  if (is_png(bytes)) return decode_png(path, bytes);
  if (is_jpeg(bytes)) return decode_jpeg(path, bytes);
  fail(path, "is neither a PNG nor a JPEG");
}

}  // namespace flowrun::wsi
