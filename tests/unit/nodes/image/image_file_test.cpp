// SPDX-License-Identifier: Apache-2.0
#include "nodes/image/image_file.h"

#include <doctest/doctest.h>
#include <flowrun/error.h>
#include <libdeflate.h>
#include <turbojpeg.h>

#include <cmath>
#include <memory>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>
#include <vector>

#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

cv::Mat noise(int side, int type) {
  cv::Mat image(side, side, type);
  cv::randu(image, cv::Scalar::all(0), cv::Scalar::all(image.depth() == CV_16U ? 65536 : 256));
  return image;
}

/// Some soft picture, in which lossy codecs lose little.
cv::Mat soft(int side) {
  cv::Mat image = noise(side, CV_8UC3);
  cv::GaussianBlur(image, image, {31, 31}, 0);
  return image;
}

cv::Mat rgb_of(const cv::Mat& bgr) {
  cv::Mat rgb;
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  return rgb;
}

double off(const cv::Mat& a, const cv::Mat& b) {
  REQUIRE(a.size() == b.size());
  return cv::norm(a, b, cv::NORM_INF);
}

std::string big_endian(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift);
  return bytes;
}

/// A PNG with a chunk put behind its header (8 bytes of signature, 25 of IHDR).
std::string with_chunk(const std::string& png, const std::string& type, const std::string& data) {
  const std::string body = type + data;
  return png.substr(0, 33) + big_endian(static_cast<std::uint32_t>(data.size())) + body +
         big_endian(libdeflate_crc32(0, body.data(), body.size())) + png.substr(33);
}

std::string gamma_of(double exponent) {
  return big_endian(static_cast<std::uint32_t>(std::lround(exponent * 100000)));
}

/// Stored as printers' inks let light through: what a program with inverted CMYK writes.
std::string cmyk_jpeg(const cv::Mat& cmyk) {
  const std::unique_ptr<void, int (*)(tjhandle)> encoder(tjInitCompress(), &tjDestroy);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  REQUIRE(tjCompress2(encoder.get(), cmyk.data, cmyk.cols, static_cast<int>(cmyk.step), cmyk.rows, TJPF_CMYK,
                      &bytes, &size, TJSAMP_444, 100, TJFLAG_ACCURATEDCT) == 0);
  std::string jpeg(reinterpret_cast<const char*>(bytes), size);
  tjFree(bytes);
  return jpeg;
}

std::string problem_of(const std::filesystem::path& file) {
  try {
    read_image_file(file);
  } catch (const Error& problem) {
    return std::string(problem.what()).substr(file.string().size());
  }
  return "fine";
}

}  // namespace

TEST_CASE("samples of 16 bits become value / 257, in grey and colour") {
  const TemporaryFolder folder;
  for (const int type : {CV_16UC1, CV_16UC3}) {
    CAPTURE(type);
    const cv::Mat deep = noise(64, type);
    cv::imwrite(folder / "deep.png", deep);
    cv::Mat expected;
    deep.convertTo(expected, CV_8U, 1 / 257.0);  // rounds to the nearest
    cv::cvtColor(expected, expected, type == CV_16UC1 ? cv::COLOR_GRAY2RGB : cv::COLOR_BGR2RGB);
    CHECK(off(read_image_file(folder / "deep.png"), expected) == 0);
    CHECK(off(read_opaque_pixels(folder / "deep.png"), expected) == 0);
  }
}

TEST_CASE("a gAMA chunk is followed; that of sRGB changes nothing") {
  const TemporaryFolder folder;
  for (const int type : {CV_8UC3, CV_16UC3}) {
    CAPTURE(type);
    cv::Mat pixels = noise(64, type);
    if (type == CV_16UC3) pixels = cv::max(pixels, 2000);  // libpng's steps are too coarse for the steep rest
    cv::imwrite(folder / "plain.png", pixels);
    const std::string plain = read_file(folder / "plain.png");
    cv::Mat eight;
    pixels.convertTo(eight, CV_8U, type == CV_8UC3 ? 1 : 1 / 257.0);
    const cv::Mat rgb = rgb_of(eight);
    write_file(folder / "srgb.png", with_chunk(plain, "gAMA", gamma_of(0.45455)));
    CHECK(off(read_image_file(folder / "srgb.png"), rgb) == 0);
    for (const double exponent : {1.0, 0.6}) {
      write_file(folder / "other.png", with_chunk(plain, "gAMA", gamma_of(exponent)));
      cv::Mat expected;  // PNG specification, 13.13: to the power of 1 / (file's gamma * display's 2.2)
      pixels.convertTo(expected, CV_64F, type == CV_8UC3 ? 1 / 255.0 : 1 / 65535.0);
      cv::pow(expected, 1 / (2.2 * exponent), expected);
      expected.convertTo(expected, CV_8U, 255);
      CHECK(off(read_image_file(folder / "other.png"), rgb_of(expected)) <= 1);
    }
  }
}

TEST_CASE("of a picture that was cut out only the opaque pixels count") {
  const TemporaryFolder folder;
  for (const int type : {CV_8UC4, CV_16UC4}) {
    cv::Mat bgra = noise(32, type);
    const double most = type == CV_8UC4 ? 255 : 65535;
    cv::Mat alpha(32, 32, CV_MAKETYPE(CV_MAT_DEPTH(type), 1), cv::Scalar(most));
    alpha.colRange(0, 20).setTo(0);
    alpha.colRange(20, 22).setTo(most / 2);  // an edge made smooth is a mixture with what lies behind
    cv::insertChannel(alpha, bgra, 3);
    cv::imwrite(folder / "cut.png", bgra);
    cv::Mat kept;
    bgra.colRange(22, 32).convertTo(kept, CV_8U, 255 / most);
    cv::cvtColor(kept, kept, cv::COLOR_BGRA2RGB);
    CHECK(off(read_opaque_pixels(folder / "cut.png"), kept.clone().reshape(3, 1)) == 0);
    const cv::Mat whole = read_image_file(folder / "cut.png");
    CHECK(off(whole.colRange(22, 32), kept) <= (type == CV_8UC4 ? 0 : 1));
    CHECK(off(whole.colRange(0, 20), cv::Mat(32, 20, CV_8UC3, cv::Scalar::all(255))) == 0);
  }
  cv::imwrite(folder / "clear.png", cv::Mat(8, 8, CV_8UC4, cv::Scalar::all(0)));
  CHECK(read_opaque_pixels(folder / "clear.png").empty());
}

TEST_CASE("inks of a CMYK JPEG become the light that all of them let through") {
  const TemporaryFolder folder;
  cv::Mat cmyk(64, 64, CV_8UC4, cv::Scalar(200, 100, 50, 255));
  cmyk.rowRange(32, 64).setTo(cv::Scalar(255, 255, 255, 128));
  write_file(folder / "inks.jpg", cmyk_jpeg(cmyk));
  cv::Mat expected(64, 64, CV_8UC3, cv::Scalar(200, 100, 50));
  expected.rowRange(32, 64).setTo(cv::Scalar::all(128));
  CHECK(off(read_image_file(folder / "inks.jpg"), expected) <= 2);
  CHECK(off(read_image_file(folder / "inks.jpg"), rgb_of(cv::imread(folder / "inks.jpg"))) <= 2);
}

TEST_CASE("bytes behind an image, and zeros before a JPEG's end, are harmless; lost ones are not") {
  const TemporaryFolder folder;
  cv::imwrite(folder / "whole.png", soft(64));
  cv::imwrite(folder / "whole.jpg", soft(64));
  const std::string png = read_file(folder / "whole.png"), jpeg = read_file(folder / "whole.jpg");
  const cv::Mat from_png = read_image_file(folder / "whole.png"),
                from_jpeg = read_image_file(folder / "whole.jpg");
  for (const std::string& behind : {std::string(500, '\0'), std::string("trailer"), jpeg}) {
    write_file(folder / "a.png", png + behind);
    CHECK(off(read_image_file(folder / "a.png"), from_png) == 0);
    write_file(folder / "a.jpg", jpeg + behind);
    CHECK(off(read_image_file(folder / "a.jpg"), from_jpeg) == 0);
  }
  for (const std::size_t zeros : {1, 2, 511}) {
    CAPTURE(zeros);
    write_file(folder / "a.jpg", jpeg.substr(0, jpeg.size() - 2) + std::string(zeros, '\0') + "\xff\xd9");
    CHECK(off(read_image_file(folder / "a.jpg"), from_jpeg) == 0);
  }
  const std::string half = jpeg.substr(0, jpeg.size() / 2);
  for (const std::string& damaged : {half + "\xff\xd9", half + std::string(500, '\0') + "\xff\xd9"}) {
    write_file(folder / "a.jpg", damaged);
    CHECK_MESSAGE(problem_of(folder / "a.jpg").find(": broken JPEG: ") == 0, problem_of(folder / "a.jpg"));
  }
}

TEST_CASE("other kinds of pictures are told by what they are") {
  const TemporaryFolder folder;
  for (const auto& [name, kind] : std::map<std::string, std::string>{{"a.tif", "TIFF"}, {"a.bmp", "BMP"}}) {
    cv::imwrite(folder / name, soft(16));
    CHECK(picture_kind(folder / name) == kind);
    CHECK(problem_of(folder / name) == ": a " + kind + ", neither PNG nor JPEG; save it as PNG");
  }
  const std::map<std::string, std::string> starts{{"GIF89a", "GIF"},
                                                  {std::string("MM\0+", 4), "TIFF"},
                                                  {"RIFF1234WEBPVP8 ", "WebP"},
                                                  {"RIFF1234WAVEfmt ", ""},
                                                  {"\xff\x4f\xff\x51", "JPEG 2000"},
                                                  {"hematoxylin: 1", ""},
                                                  {"", ""}};
  for (const auto& [start, kind] : starts) {
    write_file(folder / "a", start);
    CHECK(picture_kind(folder / "a") == kind);
  }
}
