// SPDX-License-Identifier: Apache-2.0
#include "nodes/load/load.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <thread>

#include "../slides.h"
#include "nodes/image/image_file.h"
#include "nodes/image/jpeg.h"
#include "nodes/slide/open_slides.h"
#include "nodes/slide/samples.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

cv::Mat noise(int side, int type = CV_8UC3) {
  cv::Mat image(side, side, type);
  cv::randu(image, cv::Scalar::all(0), cv::Scalar::all(256));
  return image;
}

cv::Mat rgb_of(const cv::Mat& bgr) {
  cv::Mat rgb;
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  return rgb;
}

bool same_pixels(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() && cv::norm(a, b, cv::NORM_INF) == 0;
}

std::string problem_of(const std::filesystem::path& file, int side) {
  try {
    read_image_file(file, side);
  } catch (const Error& problem) {
    return std::string(problem.what()).substr(file.string().size());
  }
  return "fine";
}

}  // namespace

TEST_CASE("image files of all kinds are read as what OpenCV wrote") {
  const TemporaryFolder folder;
  const cv::Mat colour = noise(40), grey = noise(40, CV_8UC1);
  cv::imwrite(folder / "colour.png", colour);
  CHECK(same_pixels(read_image_file(folder / "colour.png", 40), rgb_of(colour)));
  cv::imwrite(folder / "grey.png", grey);
  cv::Mat three;
  cv::cvtColor(grey, three, cv::COLOR_GRAY2BGR);
  CHECK(same_pixels(read_image_file(folder / "grey.png", 40), three));
  cv::imwrite(folder / "colour.jpg", colour, {cv::IMWRITE_JPEG_QUALITY, 90});
  CHECK(same_pixels(read_image_file(folder / "colour.jpg", 40), rgb_of(cv::imread(folder / "colour.jpg"))));
  cv::Mat clear(40, 40, CV_8UC4, cv::Scalar::all(0));
  cv::imwrite(folder / "clear.png", clear);
  CHECK(
      same_pixels(read_image_file(folder / "clear.png", 40), cv::Mat(40, 40, CV_8UC3, cv::Scalar::all(255))));
}

TEST_CASE("an image file that ends early is broken, not half an image") {
  const TemporaryFolder folder;
  cv::imwrite(folder / "whole.png", noise(40));
  cv::imwrite(folder / "whole.jpg", noise(40));
  for (const char* kind : {"png", "jpg"}) {
    const std::string whole = read_file(folder / fmt::format("whole.{}", kind));
    for (const std::size_t bytes : {whole.size() - 30, whole.size() / 2, std::size_t{20}}) {
      write_file(folder / "cut", whole.substr(0, bytes));
      CAPTURE(bytes);
      CHECK_MESSAGE(problem_of(folder / "cut", 40).find(": broken ") == 0, problem_of(folder / "cut", 40));
    }
  }
  CHECK(problem_of(folder / "whole.png", 41) == ": the image has 40 x 40 pixels, expected 41 x 41");
  CHECK(problem_of(folder / "gone", 1) == ": No such file or directory");
  CHECK(problem_of(folder.path(), 1).find(": ") == 0);
}

TEST_CASE("of many slides those used last stay open, and no more than may be") {
  std::vector<SlideFile> files(3, {small_slide(), "s", {}});
  files.push_back({"nowhere.svs", "gone", {}});
  OpenSlides slides(files, 2);
  auto first = slides.get(0);
  CHECK(slides.get(0) == first);
  const std::weak_ptr<const SlideFacts> second = slides.get(1)->share_facts();
  CHECK(!second.expired());
  slides.get(2);
  CHECK(second.expired());
  CHECK(slides.get(0) == first);  // kept, as it is in use
  CHECK_THROWS_WITH_AS(slides.get(3), doctest::Contains("there is no such file"), Error);
  CHECK_THROWS_AS(slides.get(3), Error);
  OpenSlides few(files, 1);
  first = few.get(0);
  const std::weak_ptr<const SlideFacts> watched = first->share_facts();
  bool closed = false;
  std::thread other([&] {
    few.get(1);
    closed = watched.expired();
  });
  first.reset();
  other.join();
  CHECK(closed);
  CHECK(few.get(2)->facts().name == "s");
}

TEST_CASE("an epoch gives training samples, then validation samples, with class and origin") {
  auto samples = std::make_shared<Samples>();
  samples->slides = {{{small_slide(), "small", {}}, ""}};
  samples->labels = {"tumor", "stroma"};
  samples->tables = {"t.csv"};
  for (int i = 0; i < 3; ++i) {
    Samples::Row row;
    row.label = static_cast<std::uint32_t>(i % 2);
    row.x = 100 * i;
    row.y = 50;
    row.line = i + 2;
    samples->rows.push_back(row);
  }
  samples->rows[1].level = 9;
  SampleSet set{{"stroma", "tumor"}, {1, 1}, 5, 2, 1};
  Epoch epoch;
  epoch.number = 3;
  epoch.set = std::make_shared<const SampleSet>(set);
  epoch.samples = samples;
  epoch.labels = std::make_shared<const std::vector<std::uint32_t>>(std::vector<std::uint32_t>{1, 0});
  epoch.slides = std::make_shared<OpenSlides>(std::vector<SlideFile>{samples->slides[0].file}, 1);
  epoch.order = {2, 0, 0};
  testing::NodeRunner<Load> runner;
  runner.node().size = 64;
  runner.input("epoch", epoch).process();
  REQUIRE(runner.emitted("tile") == 3);
  const Tile& tile = runner.output<Tile>("tile", 0);
  CHECK(tile.x == 200);
  CHECK(tile.sample->label == 1);
  CHECK(tile.sample->set->classes[1] == "tumor");
  CHECK(tile.label == "tumor");
  CHECK(!tile.sample->validation);
  CHECK(tile.sample->epoch == 3);
  CHECK(tile.slide->name == "small");
  CHECK(tile.mpp == doctest::Approx(0.5));
  CHECK(runner.output<Tile>("tile", 2).sample->validation);
  cv::Mat expected(64, 64, CV_8UC3);
  Slide::open(small_slide(), "small").read(0, 200, 50, expected);
  CHECK(same_pixels(tile.pixels, expected));

  epoch.order = {1};
  testing::NodeRunner<Load> bad;
  bad.node().size = 64;
  CHECK_THROWS_WITH_AS(bad.input("epoch", epoch).process(), doctest::Contains("t.csv:3: "), Error);
}
