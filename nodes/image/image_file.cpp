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
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
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

/// The kinds of pictures by what their files begin with. RIFF files are pictures when "WEBP" follows.
std::string_view kind_of(const Bytes& bytes) {
  using namespace std::string_view_literals;
  static constexpr std::pair<std::string_view, std::string_view> kinds[] = {
      {"\x89PNG\r\n\x1a\n"sv, "PNG"},
      {"\xff\xd8\xff"sv, "JPEG"},
      {"II*\0"sv, "TIFF"},
      {"MM\0*"sv, "TIFF"},
      {"II+\0"sv, "TIFF"},
      {"MM\0+"sv, "TIFF"},
      {"BM"sv, "BMP"},
      {"GIF8"sv, "GIF"},
      {"RIFF"sv, "WebP"},
      {"\0\0\0\x0cjP  "sv, "JPEG 2000"},
      {"\xff\x4f\xff\x51"sv, "JPEG 2000"}};
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  for (const auto& [magic, kind] : kinds)
    if (start.starts_with(magic) && (kind != "WebP" || start.substr(0, 12).ends_with("WEBP"))) return kind;
  return {};
}

cv::Mat pixels_for(const std::filesystem::path& file, std::int64_t width, std::int64_t height,
                   std::optional<int> side, int type) {
  if (side && (width != *side || height != *side))
    fail(file, fmt::format("the image has {} x {} pixels, expected {} x {}", width, height, *side, *side));
  if (width * height > most_pixels)
    fail(file, fmt::format("the image has {} x {} pixels; at most {} are read", width, height, most_pixels));
  return cv::Mat(static_cast<int>(height), static_cast<int>(width), type);
}

enum class Transparent { on_white, left_out };

/// The opaque pixels of R, G, B, A, in one row.
cv::Mat opaque_of(const cv::Mat& rgba) {
  const auto opaque = [](const cv::Vec4b& pixel) { return pixel[3] == 255; };
  cv::Mat rgb(1, static_cast<int>(std::count_if(rgba.begin<cv::Vec4b>(), rgba.end<cv::Vec4b>(), opaque)),
              CV_8UC3);
  auto* next = rgb.ptr<cv::Vec3b>();
  std::for_each(rgba.begin<cv::Vec4b>(), rgba.end<cv::Vec4b>(), [&](const cv::Vec4b& pixel) {
    if (opaque(pixel)) *next++ = {pixel[0], pixel[1], pixel[2]};
  });
  return rgb;
}

cv::Mat decode_png(const std::filesystem::path& file, const Bytes& bytes, std::optional<int> side,
                   Transparent transparent) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  const std::unique_ptr<png_image, void (*)(png_image*)> owner(&image, &png_image_free);
  if (!png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()))
    fail(file, fmt::format("broken PNG: {}", image.message));
  const bool leave_out = transparent == Transparent::left_out && (image.format & PNG_FORMAT_FLAG_ALPHA) != 0;
  cv::Mat pixels = pixels_for(file, image.width, image.height, side, leave_out ? CV_8UC4 : CV_8UC3);
  // Without it libpng takes samples of 16 bits for proportional to light where no gAMA chunk says otherwise.
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;
  image.format = leave_out ? PNG_FORMAT_RGBA : PNG_FORMAT_RGB;
  const png_color white{255, 255, 255};
  if (!png_image_finish_read(&image, &white, pixels.data, static_cast<png_int_32>(pixels.step), nullptr) ||
      PNG_IMAGE_FAILED(image))
    fail(file, fmt::format("broken PNG: {}", image.message));
  return leave_out ? opaque_of(pixels) : pixels;
}

/// Some programs fill a stream up with zeros before its end marker. The decoder warns of them as of damage.
bool drop_padding(Bytes& jpeg) {
  static constexpr std::uint8_t end_marker[] = {0xff, 0xd9};
  const auto end = std::find_end(jpeg.begin(), jpeg.end(), std::begin(end_marker), std::end(end_marker));
  auto begin = end;
  while (begin - jpeg.begin() > 1 && begin[-1] == 0 && begin[-2] != 0xff) --begin;  // ff 00 is a byte of data
  jpeg.erase(begin, end);
  return begin != end;
}

/// Inks of a printer, stored as the light that they let through, as all programs write them.
cv::Mat rgb_of_inks(const cv::Mat& cmyk) {
  cv::Mat rgb(cmyk.size(), CV_8UC3);
  std::transform(
      cmyk.begin<cv::Vec4b>(), cmyk.end<cv::Vec4b>(), rgb.begin<cv::Vec3b>(), [](const cv::Vec4b& ink) {
        const auto through = [&](int i) { return static_cast<std::uint8_t>((ink[i] * ink[3] + 127) / 255); };
        return cv::Vec3b(through(0), through(1), through(2));
      });
  return rgb;
}

cv::Mat decode_jpeg(const std::filesystem::path& file, Bytes bytes, std::optional<int> side) {
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), &tjDestroy);
  int width = 0, height = 0, subsampling = 0, colours = 0;
  const auto check = [&](int result) {
    if (result != 0) fail(file, fmt::format("broken JPEG: {}", tjGetErrorStr2(decoder.get())));
  };
  check(tjDecompressHeader3(decoder.get(), bytes.data(), bytes.size(), &width, &height, &subsampling,
                            &colours));
  if (width <= 0 || height <= 0) fail(file, "broken JPEG: it ends before the image");
  const bool inks = colours == TJCS_CMYK || colours == TJCS_YCCK;
  cv::Mat pixels = pixels_for(file, width, height, side, inks ? CV_8UC4 : CV_8UC3);
  const auto decode = [&] {
    return tjDecompress2(decoder.get(), bytes.data(), bytes.size(), pixels.data, width,
                         static_cast<int>(pixels.step), height, inks ? TJPF_CMYK : TJPF_RGB,
                         TJFLAG_ACCURATEDCT);
  };
  if (decode() != 0) {
    const std::string problem = tjGetErrorStr2(decoder.get());
    if (!drop_padding(bytes) || decode() != 0) fail(file, fmt::format("broken JPEG: {}", problem));
  }
  return inks ? rgb_of_inks(pixels) : pixels;
}

[[noreturn]] void refuse_kind(const std::filesystem::path& path, const std::string& kind) {
  std::error_code ignored;
  if (std::filesystem::file_size(path, ignored) == 0) fail(path, "the file is empty");
  if (kind.empty()) fail(path, "neither PNG nor JPEG");
  fail(path, fmt::format("a {}, neither PNG nor JPEG; save it as PNG", kind));
}

cv::Mat read(const std::filesystem::path& path, std::optional<int> side, Transparent transparent) {
  const std::string kind = picture_kind(path);  // not a whole slide is read to say that it is no tile
  if (kind != "PNG" && kind != "JPEG") refuse_kind(path, kind);
  Bytes bytes = content_of(path, SIZE_MAX);
  if (kind == "PNG") return decode_png(path, bytes, side, transparent);
  return decode_jpeg(path, std::move(bytes), side);
}

}  // namespace

std::string picture_kind(const std::filesystem::path& path) {
  return std::string(kind_of(content_of(path, 12)));
}

bool is_image_file(const std::filesystem::path& path) {
  const std::string kind = picture_kind(path);
  return kind == "PNG" || kind == "JPEG";
}

cv::Mat read_image_file(const std::filesystem::path& path, std::optional<int> side) {
  return read(path, side, Transparent::on_white);
}

cv::Mat read_opaque_pixels(const std::filesystem::path& path) {
  return read(path, {}, Transparent::left_out);
}

}  // namespace flowrun::wsi
