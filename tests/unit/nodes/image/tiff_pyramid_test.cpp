// SPDX-License-Identifier: Apache-2.0
#include "nodes/image/tiff_pyramid.h"

#include <doctest/doctest.h>
#include <flowrun/error.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <opencv2/imgproc.hpp>

#include "../tiffs.h"
#include "nodes/base/in_parallel.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

class TestScope final : public Scope {
 public:
  const std::string& kind() const override { return name_; }
  const std::string& name() const override { return name_; }
  bool failed() const override { return failed_; }
  std::filesystem::path hand_on(const std::filesystem::path& folder,
                                const std::filesystem::path& unit) const override {
    return stage(folder, unit);
  }
  std::filesystem::path stage(const std::filesystem::path&, const std::filesystem::path&) const override {
    return {};
  }
  void fail() { failed_ = true; }

 private:
  std::string name_ = "slide";
  std::atomic<bool> failed_ = false;
};

/// Waves of colour, soft enough for JPEG even when made smaller.
cv::Mat picture(cv::Size size, int type) {
  cv::Mat out(size, type);
  for (int y = 0; y < out.rows; ++y)
    for (int x = 0; x < out.cols; ++x)
      for (int c = 0; c < out.channels(); ++c)
        out.ptr(y)[x * out.channels() + c] =
            static_cast<std::uint8_t>(128 + 100 * std::sin(x / 60.0 + c) * std::cos(y / 45.0));
  return out;
}

/// Writes every level as the whole picture's scaled-down version; the expected pixels of each come back.
std::vector<cv::Mat> write(const std::filesystem::path& path, const TiffPyramid& pyramid, int type) {
  std::vector<cv::Mat> levels;
  for (int level = 0; level < pyramid.level_count(); ++level) {
    levels.emplace_back();
    cv::resize(picture(pyramid.size, type), levels.back(), pyramid.size_of(level), 0, 0, cv::INTER_NEAREST);
  }
  TiffPyramidWriter writer(path, pyramid);
  const bool whole = writer.write_levels(TestScope(), 1000, [&](int level, std::int64_t x, std::int64_t y) {
    cv::Mat tile(pyramid.tile, pyramid.tile, type, cv::Scalar::all(0));
    const cv::Mat& from = levels[static_cast<std::size_t>(level)];
    const cv::Rect place = cv::Rect(static_cast<int>(x), static_cast<int>(y), pyramid.tile, pyramid.tile) &
                           cv::Rect({}, from.size());
    from(place).copyTo(tile(cv::Rect({}, place.size())));
    return encode_tile(tile, pyramid.tiles, 95);
  });
  CHECK(whole);
  return levels;
}

}  // namespace

TEST_CASE("a TIFF pyramid is what libtiff reads, without a warning") {
  const TemporaryFolder folder;
  const struct {
    TiffTiles tiles;
    int type, compression;
  } kinds[] = {{TiffTiles::deflate_grey, CV_8UC1, COMPRESSION_ADOBE_DEFLATE},
               {TiffTiles::deflate_rgb, CV_8UC3, COMPRESSION_ADOBE_DEFLATE},
               {TiffTiles::jpeg, CV_8UC3, COMPRESSION_JPEG}};
  for (const auto& kind : kinds) {
    const TiffPyramid pyramid{{1001, 430}, 128, kind.tiles, 0.25};
    const auto expected = write(folder / "a.tif", pyramid, kind.type);
    const auto images = read_tiff(folder / "a.tif");
    // 1001 x 430, 500 x 215, 250 x 107, 125 x 53; without loss none smaller than a tile
    REQUIRE(images.size() == (kind.tiles == TiffTiles::jpeg ? 4 : 2));
    for (std::size_t level = 0; level < images.size(); ++level) {
      CAPTURE(level);
      const TiffImage& image = images[level];
      CHECK(image.pixels.size() == cv::Size(1001 >> level, 430 >> level));
      CHECK(image.compression == kind.compression);
      CHECK(image.subfile_type == (level == 0 ? 0 : FILETYPE_REDUCEDIMAGE));
      CHECK(image.resolution_unit == RESUNIT_CENTIMETER);
      CHECK(image.x_resolution == doctest::Approx(40000.0 / (1 << level)));
      CHECK(image.y_resolution == doctest::Approx(40000.0 / (1 << level)));
      if (kind.tiles == TiffTiles::jpeg)
        CHECK(difference(image.pixels, expected[level]) < 2);
      else
        CHECK(equal(image.pixels, expected[level]));
    }
    write(folder / "b.tif", pyramid, kind.type);
    CHECK(read_file(folder / "a.tif") == read_file(folder / "b.tif"));
  }
}

TEST_CASE("a pyramid ends with one tile, and has no level without pixels") {
  const auto levels = [](cv::Size size, TiffTiles tiles) {
    return TiffPyramid{size, TiffPyramid::suitable_tile(size, tiles), tiles, {}}.level_count();
  };
  CHECK(levels({512, 512}, TiffTiles::jpeg) == 1);
  CHECK(levels({513, 1}, TiffTiles::jpeg) == 2);
  CHECK(TiffPyramid{{100'000, 5}, 512, TiffTiles::jpeg, {}}.size_of(8) == cv::Size(390, 1));
  CHECK(levels({100'000, 100'000}, TiffTiles::jpeg) == 9);
  CHECK(levels({100'000, 100'000}, TiffTiles::deflate_grey) == 8);  // 781
  CHECK(levels({1000, 300}, TiffTiles::deflate_grey) == 1);
  CHECK(TiffPyramid::suitable_tile({1000, 300}, TiffTiles::deflate_grey) == 288);
  CHECK(TiffPyramid::suitable_tile({5, 5}, TiffTiles::deflate_rgb) == 16);
}

TEST_CASE("what could pass 4 GB is a BigTIFF") {
  const TemporaryFolder folder;
  const auto version = [&](int side, TiffTiles tiles) {
    TiffPyramidWriter(folder / "x.tif", {{side, side}, 512, tiles, {}});
    return static_cast<int>(read_file(folder / "x.tif").at(2));
  };
  CHECK(version(20'000, TiffTiles::jpeg) == 42);
  CHECK(version(60'000, TiffTiles::jpeg) == 43);
  CHECK(version(50'000, TiffTiles::deflate_grey) == 42);
  CHECK(version(60'000, TiffTiles::deflate_grey) == 43);
}

TEST_CASE("a TIFF that cannot be written is an error that names it") {
  const TemporaryFolder folder;
  const auto failure = [](const std::filesystem::path& path) -> std::string {
    try {
      write(path, {{600, 600}, 64, TiffTiles::deflate_rgb, {}}, CV_8UC3);
    } catch (const Error& problem) {
      return problem.what();
    }
    return {};
  };
  CHECK(failure(folder / "missing/a.tif").find("missing/a.tif: cannot write: No such file") !=
        std::string::npos);
  // As on a full disk: no file may grow beyond 20 KB.
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{20'000, before.rlim_max};
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string full = failure(folder / "full.tif");
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(full.find("full.tif: cannot write: ") != std::string::npos);
  CHECK(full.find("File too large") != std::string::npos);
}

TEST_CASE("work in parallel is used in order; it ends with the scope, or an error") {
  TestScope scope;
  std::vector<std::int64_t> order;
  const auto work = [&](std::int64_t number) { return [&order, number] { order.push_back(number); }; };
  CHECK(in_parallel(1000, 8, scope, work));
  REQUIRE(order.size() == 1000);
  CHECK(std::is_sorted(order.begin(), order.end()));

  std::atomic<int> calls = 0;
  CHECK_FALSE(in_parallel(1'000'000, 8, scope, [&](std::int64_t number) {
    ++calls;
    if (number == 100) scope.fail();
    return nullptr;
  }));
  CHECK(calls >= 101);
  CHECK(calls < 200);
  CHECK_THROWS_AS(in_parallel(100, 8, TestScope(),
                              [](std::int64_t number) -> std::function<void()> {
                                if (number == 7) throw Error("seven");
                                return nullptr;
                              }),
                  Error);
}
