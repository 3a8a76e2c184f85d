// SPDX-License-Identifier: Apache-2.0
#include "nodes/normalize/normalize.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/slide.h>

#include <map>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "../allocations.h"
#include "../slides.h"
#include "../stain/stained.h"
#include "normalized.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

const std::string methods[] = {"macenko", "reinhard", "ruifrok", "vahadane"};

}  // namespace

TEST_CASE("tiles come out in the target's colours") {
  const Tile tile = normalized(of_tiles(), stained_picture(ruifrok));
  const auto stains = StainMethod().stains_of(tile.pixels);
  REQUIRE(stains);
  for (int stain = 0; stain < 2; ++stain) {
    CHECK(angle(stains->matrix, published_stains().matrix, stain) < 2);
    CHECK(stains->maxima[stain] == doctest::Approx(published_stains().maxima[stain]).epsilon(0.03));
  }
  CHECK_FALSE(tile.untouched);
  const Tile like_lab = normalized(of_tiles("reinhard"), stained_picture(ruifrok));
  const auto lab = lab_moments(like_lab.pixels, Densitometry{1000, 0.001});  // of all pixels
  CHECK(lab->mean[0] == doctest::Approx(published_lab_moments().mean[0]).epsilon(0.03));
}

TEST_CASE("a picture as target") {
  const TemporaryFolder folder;
  cv::Mat look;  // coarse enough for the half resolution of colours in JPEG
  cv::resize(stained_picture(published_stains().matrix, 50), look, {}, 16, 16, cv::INTER_NEAREST);
  cv::Mat bgr(look.size(), CV_8UC3);
  cv::mixChannels(look, bgr, {0, 2, 1, 1, 2, 0});
  cv::imwrite(folder / "look.png", bgr);
  cv::imwrite(folder / "look.jpg", bgr, {cv::IMWRITE_JPEG_QUALITY, 100});
  for (const char* const method : {"macenko", "reinhard", "vahadane"})
    for (const char* const file : {"look.png", "look.jpg"}) {
      CAPTURE(method);
      Normalize options = of_tiles(method);
      options.target = folder / file;
      // What looks like the target already stays as it is but for noise that is no stain, and the authors'
      // rounding.
      const Tile same = normalized(options, look.clone());
      cv::Mat difference;
      cv::absdiff(same.pixels, look, difference);
      CHECK(cv::mean(difference.reshape(1))[0] < (std::string(file) == "look.png" ? 2 : 5));
    }
}

TEST_CASE("a target that is none") {
  const TemporaryFolder folder;
  write_file(folder / "a.yaml", "flowrun: 1\n");
  write_file(folder / "b.yaml",
             "flowrun_stains: 1\nmethod: macenko\nio: 240\nhematoxylin: {od: [1, 2], maximum: 1}\n");
  write_file(folder / "c.yaml", "flowrun_stains: 1\nmethod: [macenko\n");
  cv::imwrite(folder / "grey.png", cv::Mat(20, 20, CV_8UC3, cv::Scalar::all(120)));
  write_file(folder / "broken.png", read_file(folder / "grey.png").substr(0, 60));
  const auto problem = [&](const std::string& file) -> std::string {
    Normalize options = of_tiles();
    options.target = folder / file;
    Costs costs;
    try {
      options.plan(costs);
    } catch (const OptionError& error) {
      CHECK(error.option == "target");
      return std::string(error.what()).substr((folder / file).string().size());
    }
    return "";
  };
  CHECK(problem("none.yaml") == ": No such file or directory");
  CHECK(problem("a.yaml") == ": is no file of stains: it does not begin with flowrun_stains: 1");
  CHECK(problem("b.yaml") == ":4:19: expected three numbers");
  CHECK(problem("c.yaml").find(":3:") == 0);
  CHECK(problem("grey.png") == ": shows no stains that could be told apart");
  CHECK(problem("broken.png") != "");
  cv::imwrite(folder / "clear.png", cv::Mat(20, 20, CV_8UC4, cv::Scalar::all(0)));
  CHECK(problem("clear.png") == ": has no opaque pixel");
  const std::string wanted =
      "; expected a picture as PNG or JPEG, or a stains.yaml, as fit_stains makes them of slides";
  for (const char* const kind : {"TIFF", "BMP"}) {
    const std::string name = kind == std::string("TIFF") ? "look.tif" : "look.bmp";
    cv::imwrite(folder / name, cv::Mat(20, 20, CV_8UC3, cv::Scalar::all(120)));
    CHECK(problem(name) == ": is a " + std::string(kind) + " file" + wanted);
  }
  std::filesystem::copy(small_slide(), folder / "slide.svs");
  CHECK(problem("slide.svs") == ": is a TIFF file" + wanted);
}

TEST_CASE("the same picture is the same target in 16 bits, and cut out of a larger one") {
  const TemporaryFolder folder;
  const cv::Mat look = stained_picture(published_stains().matrix, 200);
  cv::Mat bgr, deep, cut(200, 300, CV_8UC4, cv::Scalar::all(0));
  cv::cvtColor(look, bgr, cv::COLOR_RGB2BGR);
  bgr.convertTo(deep, CV_16U, 257);
  cv::cvtColor(bgr, cut.colRange(100, 300), cv::COLOR_BGR2BGRA);
  cv::imwrite(folder / "look.png", bgr);
  cv::imwrite(folder / "deep.png", deep);
  cv::imwrite(folder / "cut.png", cut);
  for (const std::string& method : methods) {
    CAPTURE(method);
    const auto with = [&](const char* target) {
      Normalize options = of_tiles(method);
      options.target = folder / target;
      return normalized(options, stained_picture(ruifrok)).pixels;
    };
    CHECK(cv::norm(with("deep.png"), with("look.png"), cv::NORM_INF) == 0);
    CHECK(cv::norm(with("cut.png"), with("look.png"), cv::NORM_INF) <= 1);
  }
}

TEST_CASE("normalised tiles are planned as large as tiles, however large slide and mask are") {
  testing::NodeRunner<Normalize> runner;
  const std::size_t tile = 96 * 96 * 3;
  const Costs costs = runner.plan({{"tile", tile}, {"slide", std::size_t{34} << 20}, {"mask", 8 << 20}});
  CHECK(costs.outputs.at("tile").bytes == tile);
}

TEST_CASE("tiles without stain come out unchanged and are counted") {
  for (const std::string& method : methods)
    for (const cv::Scalar& colour :
         {cv::Scalar(255, 255, 255), cv::Scalar(0, 0, 0), cv::Scalar(120, 120, 120), cv::Scalar(20, 60, 180),
          cv::Scalar(150, 90, 160), cv::Scalar(255, 0, 0)})
      for (const int side : {1, 2, 300}) {
        CAPTURE(method);
        CAPTURE(colour);
        const cv::Mat pixels(side, side, CV_8UC3, colour);
        testing::NodeRunner<Normalize> runner;
        const Tile tile =
            normalized(runner, of_tiles(method), [&](auto& r) { r.input("tile", tile_of(pixels)); });
        CHECK(tile.pixels.data == pixels.data);
        CHECK(cv::norm(tile.pixels, cv::Mat(side, side, CV_8UC3, colour), cv::NORM_INF) == 0);
        CHECK(tile.untouched);
        CHECK(runner.notes() == std::vector<std::string>{"tiles without stain are as they were"});
      }
}

TEST_CASE("stains that are given are not sought") {
  Normalize options = of_tiles("ruifrok");
  const cv::Mat picture = stained_picture(ruifrok);
  const auto found = options.stains_of(picture);
  REQUIRE(found);
  for (int stain = 0; stain < 2; ++stain) {
    CHECK(angle(found->matrix, ruifrok, stain) < 0.5);  // given with three digits, and with two
    CHECK(found->maxima[stain] == doctest::Approx(2).epsilon(0.05));
  }
  const TemporaryFolder folder;
  StainsFile file;
  file.method = "by hand";
  file.of = "one slide";
  file.report.stains.matrix = hematoxylin_dab;
  write_file(folder / "stains.yaml", file.text());
  options.matrix = folder / "stains.yaml";
  const Tile tile = normalized(options, stained_picture(hematoxylin_dab));
  CHECK(angle(StainMethod().stains_of(tile.pixels)->matrix, published_stains().matrix, 0) < 2);
  cv::imwrite(folder / "look.png", cv::Mat(20, 20, CV_8UC3, cv::Scalar::all(120)));
  options.matrix = folder / "look.png";
  CHECK_THROWS_WITH_AS(options.prepare(),
                       doctest::Contains("look.png: is a PNG file; expected a stains.yaml"), OptionError);
  CHECK_THROWS_WITH_AS(
      [&] {
        options.method = "macenko";
        Costs costs;
        costs.inputs["tile"] = 3;
        options.plan(costs);
      }(),
      "'matrix' means nothing to method macenko, which finds it", OptionError);
}

TEST_CASE("glass stays as it is with reinhard, and with other methods where background is kept") {
  cv::Mat pixels = stained_picture(ruifrok, 300);
  pixels.rowRange(100, 300) = cv::Scalar(238, 236, 240);
  pixels.at<cv::Vec3b>(250, 17) = {206, 206, 206};  // ln(240 / 207) is below 0.15
  const auto glass_of = [&](const std::string& method, const char* background) {
    Normalize options = of_tiles(method);
    if (background) options.background = background;
    const Tile tile = normalized(options, pixels.clone());
    CHECK(cv::norm(tile.pixels.rowRange(0, 100), pixels.rowRange(0, 100), cv::NORM_INF) > 10);
    return cv::norm(tile.pixels.rowRange(100, 300), pixels.rowRange(100, 300), cv::NORM_INF);
  };
  for (const std::string& method : methods) {
    CAPTURE(method);
    CHECK(glass_of(method, "keep") == 0);
    CHECK(glass_of(method, "change") > 0);
    CHECK((glass_of(method, nullptr) == 0) == (method == "reinhard"));
  }
}

TEST_CASE("a tile of one's own is changed in place, a shared one is copied") {
  for (const std::string& method : methods) {
    cv::Mat alone = stained_picture(ruifrok);
    const auto* const memory = alone.data;
    CHECK(normalized(of_tiles(method), std::move(alone)).pixels.data == memory);
    const cv::Mat shared = stained_picture(ruifrok);
    const Tile tile = normalized(of_tiles(method), shared);
    CHECK(tile.pixels.data != shared.data);
    CHECK(cv::norm(shared, stained_picture(ruifrok), cv::NORM_INF) == 0);
    CHECK(cv::norm(shared, tile.pixels, cv::NORM_INF) > 0);
    CHECK(tile.pixels.type() == CV_8UC3);
    CHECK(tile.pixels.size() == shared.size());
  }
}

TEST_CASE("normalisation takes the tile, its copy if it is shared, and 72 KiB") {
  for (const std::string& method : methods)
    for (const bool shared : {false, true}) {
      CAPTURE(method);
      cv::Mat pixels = stained_picture(ruifrok, 1000);
      const std::size_t bytes = pixels.total() * 3;
      const cv::Mat other = shared ? pixels : cv::Mat();
      testing::NodeRunner<Normalize> runner;
      runner.node() = of_tiles(method);
      runner.input("tile", tile_of(std::move(pixels)));
      const Allocations allocations;
      runner.process();
      MESSAGE(method << std::string(shared ? ", shared: " : ", alone: ") << allocations.peak() << " bytes");
      CHECK(allocations.peak() <= (shared ? bytes : 0) + (std::size_t{72} << 10));
    }
}

TEST_CASE("all tiles of a slide are changed alike") {
  const Slide slide = Slide::open(small_slide(), "small");
  testing::NodeRunner<Normalize> runner;
  std::map<int, cv::Vec3b> seen;  // by colour
  int stained = 0, again = 0;
  for (int i = 0; i < 6; ++i) {
    Tile tile = tile_of(cv::Mat(300, 300, CV_8UC3));
    slide.read(0, 300 + 300 * (i % 3), 300 + 300 * (i / 3), tile.pixels);
    const cv::Mat before = tile.pixels.clone();
    if (i == 0)
      normalized(runner, Normalize(),
                 [&](auto& r) { r.input("slide", slide).input("tile", std::move(tile)); });
    else
      runner.input("tile", std::move(tile)).process();
    const Tile& after = runner.output<Tile>("tile", static_cast<std::size_t>(i));
    if (after.untouched) continue;
    ++stained;
    for (int p = 0; p < 300 * 300; ++p) {
      const auto& from = before.at<cv::Vec3b>(p / 300, p % 300);
      const auto& to = after.pixels.at<cv::Vec3b>(p / 300, p % 300);
      const auto [it, fresh] = seen.try_emplace(from[0] << 16 | from[1] << 8 | from[2], to);
      again += !fresh;
      if (it->second != to) REQUIRE(it->second == to);
    }
  }
  CHECK(stained >= 2);
  CHECK(again > 1000);
}

TEST_CASE("without a slide there is no scope slide") {
  Costs costs;
  costs.inputs["tile"] = 3;
  CHECK_THROWS_WITH_AS(Normalize().plan(costs), "the stains of a slide are found on the slide", OptionError);
  CHECK_NOTHROW(of_tiles().plan(costs));
}
