// SPDX-License-Identifier: Apache-2.0
#include "nodes/image/png.h"

#include <doctest/doctest.h>
#include <libdeflate.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <random>
#include <string>
#include <vector>

namespace flowrun::wsi {
namespace {

using Bytes = std::vector<std::uint8_t>;

cv::Mat decode_with_libpng(const Bytes& file, int channels) {
  png_image png;
  std::memset(&png, 0, sizeof png);
  png.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_memory(&png, file.data(), file.size()) != 0);
  CHECK(png.format == (channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY));
  cv::Mat image(static_cast<int>(png.height), static_cast<int>(png.width), CV_8UC(channels));
  const int read =
      png_image_finish_read(&png, nullptr, image.data, static_cast<png_int_32>(image.step), nullptr);
  const int complaint = static_cast<int>(png.warning_or_error);
  const std::string message = png.message;
  png_image_free(&png);
  INFO(message);
  REQUIRE(read != 0);
  CHECK(complaint == 0);
  return image;
}

cv::Mat decode_with_opencv(const Bytes& file, int channels) {
  cv::Mat image = cv::imdecode(file, cv::IMREAD_UNCHANGED);
  REQUIRE_FALSE(image.empty());
  if (channels == 3) cv::cvtColor(image, image, cv::COLOR_BGR2RGB);
  return image;
}

// libpng and OpenCV share zlib; libdeflate is a second opinion on the compressed stream, given without
// unfiltering.
bool inflates_with_libdeflate(const Bytes& file, const cv::Mat& image) {
  constexpr std::size_t kBeforeData = 8 + 25 + 8;  // signature, IHDR, length and type of the only IDAT
  constexpr std::size_t kAfterData = 4 + 12;       // checksum of IDAT, IEND
  Bytes rows(static_cast<std::size_t>(image.rows) *
             (static_cast<std::size_t>(image.cols) * image.elemSize() + 1));
  libdeflate_decompressor* const decompressor = libdeflate_alloc_decompressor();
  const libdeflate_result result =
      libdeflate_zlib_decompress(decompressor, file.data() + kBeforeData,
                                 file.size() - kBeforeData - kAfterData, rows.data(), rows.size(), nullptr);
  libdeflate_free_decompressor(decompressor);
  return result == LIBDEFLATE_SUCCESS;  // which includes that it fills the rows exactly
}

bool same(const cv::Mat& a, const cv::Mat& b) {
  if (a.size() != b.size() || a.type() != b.type()) return false;
  const std::size_t row_bytes = static_cast<std::size_t>(a.cols) * a.elemSize();
  for (int row = 0; row < a.rows; ++row) {
    if (std::memcmp(a.ptr(row), b.ptr(row), row_bytes) != 0) return false;
  }
  return true;
}

// Encodes, decodes with every decoder, compares; returns the size of the file.
std::size_t round_trip(const cv::Mat& image) {
  CAPTURE(image.rows);
  CAPTURE(image.cols);
  CAPTURE(image.channels());
  const cv::Mat before = image.clone();
  Bytes file;
  encode_png(image, file);
  CHECK(file.size() <= max_png_bytes(image.rows, image.cols, image.channels()));
  CHECK(same(decode_with_libpng(file, image.channels()), image));
  CHECK(same(decode_with_opencv(file, image.channels()), image));
  CHECK(inflates_with_libdeflate(file, image));
  CHECK(same(before, image));  // the encoder only reads
  return file.size();
}

// An image whose bytes come from value(row, byte in row).
template <typename Value>
cv::Mat make_image(int rows, int cols, int type, Value value) {
  cv::Mat image(rows, cols, type);
  for (int row = 0; row < rows; ++row) {
    for (int i = 0; i < cols * image.channels(); ++i) {
      image.ptr(row)[i] = static_cast<std::uint8_t>(value(row, i));
    }
  }
  return image;
}

cv::Mat make_noise(int rows, int cols, int type, unsigned seed) {
  std::mt19937 random(seed);
  return make_image(rows, cols, type, [&](int, int) { return random(); });
}

cv::Mat make_constant(int rows, int cols, int type, int value) {
  return cv::Mat(rows, cols, type, cv::Scalar::all(value));
}

// Smooth blobs with sensor-like noise: what tissue looks like to the encoder.
cv::Mat make_blobs(int rows, int cols, int type, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0, 4);
  const int channels = CV_MAT_CN(type);
  return make_image(rows, cols, type, [&](int row, int i) {
    const int col = i / channels;
    const double blob = std::sin(row * 0.11 + i % channels) * std::cos(col * 0.07) * 60;
    return static_cast<int>(std::clamp(170 + blob + noise(random), 0.0, 255.0));
  });
}

// Residues that follow `frequencies`, shuffled: undoing the filter gives the image. In the first row,
// predicted from the left, pixels are sums of residues, so one row holds them all.
cv::Mat image_with_residues(const std::vector<std::size_t>& frequencies, unsigned seed) {
  Bytes residues;
  for (std::size_t s = 0; s < frequencies.size(); ++s) {
    residues.insert(residues.end(), frequencies[s], static_cast<std::uint8_t>(s));
  }
  std::shuffle(residues.begin(), residues.end(), std::mt19937(seed));
  int pixel = 0;
  return make_image(1, static_cast<int>(residues.size()), CV_8UC1,
                    [&](int, int i) { return pixel += residues[static_cast<std::size_t>(i)]; });
}

TEST_CASE("encode_png: every decoder returns the image, whatever its size") {
  for (const int type : {CV_8UC1, CV_8UC3}) {
    for (const int rows : {1, 2, 3, 5, 16, 37}) {
      for (const int cols : {1, 2, 3, 4, 5, 6, 7, 15, 16, 17, 31, 33, 100, 517}) {
        round_trip(make_noise(rows, cols, type, 1));
        round_trip(make_blobs(rows, cols, type, 2));
        round_trip(make_constant(rows, cols, type, 200));
      }
    }
  }
}

TEST_CASE("encode_png: large and lopsided images") {
  for (const int type : {CV_8UC1, CV_8UC3}) {
    for (const cv::Size size : {cv::Size(512, 512), cv::Size(7, 1000), cv::Size(1000, 7), cv::Size(1, 5000),
                                cv::Size(5000, 1), cv::Size(200'001, 3), cv::Size(1021, 769)}) {
      round_trip(make_noise(size.height, size.width, type, 3));
      round_trip(make_blobs(size.height, size.width, type, 4));
      round_trip(make_constant(size.height, size.width, type, 0));
    }
  }
}

TEST_CASE("encode_png: contents that lead to unusual codes") {
  for (const int type : {CV_8UC1, CV_8UC3}) {
    for (const int value : {0, 1, 127, 128, 255}) round_trip(make_constant(70, 90, type, value));
    round_trip(make_image(256, 256, type, [](int row, int) { return row; }));
    round_trip(make_image(256, 256, type, [](int, int i) { return i; }));
    round_trip(make_image(256, 256, type, [](int row, int i) { return row + i; }));
    round_trip(make_image(256, 256, type, [](int row, int i) { return row * i; }));
    round_trip(make_image(64, 64, type, [](int row, int i) { return (row + i) % 2 * 255; }));
    round_trip(make_image(64, 64, type, [](int row, int i) { return row == 63 && i == 63; }));
    std::mt19937 random(5);
    round_trip(make_image(300, 300, type, [&](int, int) { return random() % 2 * 255; }));
    round_trip(make_image(300, 300, type, [&](int, int) { return random() % 100 == 0 ? random() : 7; }));
  }
}

TEST_CASE("encode_png: both signs of every Paeth predictor") {
  // Each pixel pattern (left, up, corner) of this grid of values occurs in some 2 x 2 neighbourhood.
  const std::array<int, 9> values = {0, 1, 2, 64, 127, 128, 129, 254, 255};
  std::mt19937 random(6);
  round_trip(make_image(200, 200, CV_8UC1, [&](int, int) { return values[random() % values.size()]; }));
  round_trip(make_image(200, 200, CV_8UC3, [&](int, int) { return values[random() % values.size()]; }));
}

TEST_CASE("encode_png: skewed histograms need codes of limited length") {
  std::vector<std::size_t> fibonacci = {1, 1};
  while (fibonacci.size() < 26) fibonacci.push_back(fibonacci.back() + fibonacci[fibonacci.size() - 2]);
  for (const std::size_t symbols : {2U, 3U, 13U, 15U, 16U, 17U, 20U, 26U}) {
    round_trip(image_with_residues({fibonacci.begin(), fibonacci.begin() + static_cast<long>(symbols)}, 7));
  }
  std::vector<std::size_t> powers(256, 1);
  for (std::size_t s = 0; s < 18; ++s) powers[s] = std::size_t{1} << s;
  round_trip(image_with_residues(powers, 8));
  std::reverse(powers.begin(), powers.end());
  round_trip(image_with_residues(powers, 9));
  for (const std::size_t symbols : {1U, 2U, 255U, 256U}) {
    round_trip(image_with_residues(std::vector<std::size_t>(symbols, 40), 10));
  }
}

TEST_CASE("encode_png: runs of every length among noise") {
  std::mt19937 random(11);
  Bytes residues;
  for (std::size_t length = 1; length < 800; ++length) {
    residues.insert(residues.end(), length, static_cast<std::uint8_t>(random() % 3));
    for (std::size_t n = 1 + random() % 5; n > 0; --n)
      residues.push_back(static_cast<std::uint8_t>(random()));
  }
  int pixel = 0;
  round_trip(make_image(1, static_cast<int>(residues.size()), CV_8UC1,
                        [&](int, int i) { return pixel += residues[static_cast<std::size_t>(i)]; }));
}

TEST_CASE("encode_png: random sizes and contents") {
  std::mt19937 random(12);
  for (int n = 0; n < 400; ++n) {
    const int rows = static_cast<int>(1 + random() % 150);
    const int cols = static_cast<int>(1 + random() % 150);
    const auto range = 1 + random() % 256;
    const auto rarity = 1 + random() % 60;
    auto value = random();
    round_trip(make_image(rows, cols, random() % 2 ? CV_8UC1 : CV_8UC3, [&](int, int) {
      if (random() % rarity == 0) value += random() % range;
      return value;
    }));
  }
}

TEST_CASE("encode_png: a region of a larger image") {
  for (const int type : {CV_8UC1, CV_8UC3}) {
    const cv::Mat whole = make_blobs(300, 400, type, 13);
    const cv::Mat copy = whole.clone();
    const cv::Mat region = whole(cv::Rect(11, 23, 333, 200));
    REQUIRE_FALSE(region.isContinuous());
    round_trip(region);
    Bytes file, expected;
    encode_png(region, file);
    encode_png(region.clone(), expected);
    CHECK(file == expected);
    CHECK(same(whole, copy));
  }
}

TEST_CASE("encode_png: flat tiles are tiny") {  // 2.0 KB in RGB, 1.1 KB in grey when this was written
  for (const int value : {0, 243, 255}) {
    CHECK(round_trip(make_constant(512, 512, CV_8UC3, value)) < 2500);
  }
  CHECK(round_trip(make_constant(512, 512, CV_8UC1, 243)) < 2500);
}

TEST_CASE("encode_png: half padding costs little more than the other half") {
  cv::Mat tile = make_constant(512, 512, CV_8UC3, 255);
  const cv::Mat left = tile(cv::Rect(0, 0, 256, 512));
  make_blobs(512, 256, CV_8UC3, 14).copyTo(left);
  const std::size_t half = round_trip(left);
  CHECK(round_trip(tile) < half + half / 50 + 4000);
}

TEST_CASE("encode_mask_png: every decoder returns the mask, whatever its size") {
  for (const int rows : {1, 2, 7, 300})
    for (const int cols : {1, 7, 8, 9, 16, 63, 1001}) {
      CAPTURE(rows);
      CAPTURE(cols);
      const cv::Mat blobs = make_blobs(rows, cols, CV_8UC1, 3) > 170;
      for (const cv::Mat& mask :
           {blobs, cv::Mat(make_noise(rows, cols, CV_8UC1, 4) > 127), make_constant(rows, cols, CV_8UC1, 255),
            make_constant(rows, cols, CV_8UC1, 0)}) {
        Bytes file;
        encode_mask_png(mask, file);
        CHECK(same(decode_with_libpng(file, 1), mask));
        CHECK(same(decode_with_opencv(file, 1), mask));
      }
    }
}

TEST_CASE("encode_mask_png: one bit a pixel, and less where rows repeat") {
  Bytes file;
  encode_mask_png(make_noise(1000, 1000, CV_8UC1, 5) > 127, file);
  CHECK(file.size() < 1000 * (1000 / 8 + 1) + 200);
  encode_mask_png(make_constant(1000, 1000, CV_8UC1, 255), file);
  CHECK(file.size() < 1500);
}

TEST_CASE("encode_mask_png: a region of a larger mask") {
  const cv::Mat whole = make_blobs(200, 300, CV_8UC1, 6) > 170;
  const cv::Mat region = whole(cv::Rect(31, 17, 101, 99));
  Bytes file;
  encode_mask_png(region, file);
  CHECK(same(decode_with_opencv(file, 1), region));
}

TEST_CASE("max_png_bytes: noise reaches the bound") {
  for (const int type : {CV_8UC1, CV_8UC3}) {
    // Noise in the residues, not only the pixels: Paeth residues of noise are noise as well.
    const cv::Mat noise = make_noise(512, 512, type, 15);
    const std::size_t bytes = round_trip(noise);
    const std::size_t bound = max_png_bytes(512, 512, noise.channels());
    CHECK(bytes > bound - bound / 1000);
    CHECK(bound < noise.total() * noise.elemSize() + 512 + 300);
  }
  CHECK(max_png_bytes(1, 1, 1) == 1 + 1 + 5 + 63);
  CHECK(max_png_bytes(1, 1, 3) == 3 + 1 + 5 + 63);
}

TEST_CASE("encode_png: the output is replaced and its memory reused") {
  Bytes file(10, 42);
  encode_png(make_noise(100, 100, CV_8UC3, 16), file);
  const std::uint8_t* const memory = file.data();
  const cv::Mat small = make_blobs(60, 80, CV_8UC3, 17);
  Bytes fresh;
  encode_png(small, fresh);
  encode_png(small, file);
  CHECK(file == fresh);
  CHECK(file.data() == memory);
}

TEST_CASE("encode_png: refuses what it cannot encode") {
  Bytes file;
  CHECK_THROWS_AS(encode_png(cv::Mat(), file), std::invalid_argument);
  CHECK_THROWS_AS(encode_png(cv::Mat(0, 5, CV_8UC3), file), std::invalid_argument);
  for (const int type : {CV_8UC2, CV_8UC4, CV_8SC3, CV_16UC1, CV_32FC3}) {
    CHECK_THROWS_AS(encode_png(cv::Mat(4, 4, type, cv::Scalar::all(0)), file), std::invalid_argument);
  }
  CHECK_THROWS_AS(encode_mask_png(cv::Mat(), file), std::invalid_argument);
  CHECK_THROWS_AS(encode_mask_png(cv::Mat(4, 4, CV_8UC3), file), std::invalid_argument);
  std::uint8_t unread = 0;  // the size is refused before any pixel is looked at
  CHECK_THROWS_AS(encode_png(cv::Mat(50'000, 50'000, CV_8UC1, &unread), file), std::invalid_argument);
  CHECK_THROWS_AS(max_png_bytes(0, 1, 1), std::invalid_argument);
  CHECK_THROWS_AS(max_png_bytes(1, -1, 3), std::invalid_argument);
  CHECK_THROWS_AS(max_png_bytes(1, 1, 4), std::invalid_argument);
}

}  // namespace
}  // namespace flowrun::wsi
