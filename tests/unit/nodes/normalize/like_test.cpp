// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/testing.h>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "../allocations.h"
#include "../stain/stained.h"
#include "normalized.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

TEST_CASE("Reinhard's method in CIELAB gives all pixels the target's moments") {
  const TemporaryFolder folder;
  cv::Mat look = stained_picture(published_stains().matrix), bgr;
  cv::cvtColor(look, bgr, cv::COLOR_RGB2BGR);
  cv::imwrite(folder / "look.png", bgr);
  // Independently: OpenCV's floating point CIELAB.
  const auto moments = [](const cv::Mat& rgb) {
    cv::Mat part, lab;
    rgb.convertTo(part, CV_32F, 1 / 255.0);
    cv::cvtColor(part, lab, cv::COLOR_RGB2Lab);
    cv::Vec3d mean, deviation;
    cv::meanStdDev(lab, mean, deviation);
    return std::pair(mean, deviation);
  };
  for (const char* const space : {"cielab", "cielab_8bit"}) {
    CAPTURE(space);
    Normalize options = of_tiles("reinhard");
    options.space = space;
    options.tissue = "all";
    options.background = "change";
    options.target = folder / "look.png";
    const auto [mean, deviation] = moments(normalized(options, stained_picture(ruifrok)).pixels);
    const auto [wanted_mean, wanted_deviation] = moments(look);
    for (int i = 0; i < 3; ++i) {
      CHECK(std::abs(mean[i] - wanted_mean[i]) < 1);  // colours outside sRGB are cut
      CHECK(std::abs(deviation[i] - wanted_deviation[i]) < 1);
    }
  }
}

TEST_CASE("what a program has is refused to be something else, and so is what it has not") {
  const TemporaryFolder folder;
  StainsFile file;
  file.method = "macenko";
  file.of = "one slide";
  const auto with = [&](LabSpace space, double io, bool plus_one, const char* name) {
    file.report.lab.space = space, file.io = io, file.plus_one = plus_one;
    write_file(folder / name, file.text());
    return folder / name;
  };
  const auto ruderman = with(LabSpace::ruderman, 240, true, "ruderman.yaml");
  const auto cielab = with(LabSpace::cielab, 240, true, "cielab.yaml");
  const auto steps = with(LabSpace::cielab_8bit, 255, false, "steps.yaml");
  const auto problem = [&](const std::string& method, const char* like, auto change) -> std::string {
    Normalize options = of_tiles(method);
    if (*like) options.like = like;
    change(options);
    Costs costs;
    costs.inputs["tile"] = 3;
    try {
      options.plan(costs);
    } catch (const OptionError& error) {
      return error.option + ": " + error.what() + (error.fix.empty() ? "" : " -> " + error.fix);
    }
    return "";
  };
  const auto target = [](const std::filesystem::path& path) {
    return [path](Normalize& n) { n.target = path; };
  };
  CHECK(problem("reinhard", "torchstain", target(cielab)) == "");
  CHECK(problem("reinhard", "tiatoolbox", target(steps)) == "");
  CHECK(problem("macenko", "tiatoolbox", target(steps)) == "");
  CHECK(problem("macenko", "torchstain", target(cielab)) == "");
  CHECK(problem("reinhard", "histomicstk", [](Normalize&) {}) == "");
  CHECK(problem("reinhard", "torchstain", target(ruderman)) ==
        "target: " + ruderman.string() +
            ": its moments are of the space ruderman, not cielab; give space: ruderman, or fit_stains space: "
            "cielab");
  CHECK(problem("reinhard", "", target(cielab)).find("the space cielab, not ruderman") != std::string::npos);
  CHECK(problem("macenko", "tiatoolbox", target(cielab)).find("relative to io 240, not 255") !=
        std::string::npos);
  CHECK(problem("macenko", "", [&](Normalize& n) { n.target = steps, n.io = 255; }) ==
        "target: " + steps.string() + ": its densities are those of plus_one: false; give plus_one: false");
  CHECK(problem("reinhard", "torchstain", [](Normalize&) {}) ==
        "like: there is no published target in the space cielab -> target: a picture or a stains.yaml");
  CHECK(problem("macenko", "tiatoolbox", [](Normalize&) {}) ==
        "like: tiatoolbox has no target of its own -> target: a picture or a stains.yaml");
  CHECK(problem("vahadane", "torchstain", [](Normalize&) {}) ==
        "like: method vahadane is not known as torchstain has it -> method: macenko, reinhard, or without "
        "like");
  CHECK(problem("macenko", "tiatoolbox", [](Normalize& n) { n.io = 240; }) ==
        "io: io is 255 with like: tiatoolbox, not 240 -> io: 255, or without like");
  CHECK(problem("macenko", "torchstain", [](Normalize& n) { n.io = 240, n.alpha = 1, n.beta = 0.15; }) == "");
  CHECK(problem("macenko", "torchstain", [](Normalize& n) { n.alpha = 2; }).find("alpha is 1 with") == 7);
  CHECK(problem("macenko", "torchstain", [](Normalize& n) { n.beta = 0.2; }).find("beta is 0.15 with") == 6);
  CHECK(problem("macenko", "tiatoolbox", [](Normalize& n) { n.plus_one = true; }).find("plus_one: ") == 0);
  CHECK(problem("macenko", "tiatoolbox", [](Normalize& n) { n.tissue = "stained"; }).find("tissue: ") == 0);
  CHECK(problem("reinhard", "histomicstk", [](Normalize& n) {
          n.background = "keep";
        }).find("background: ") == 0);
  CHECK(problem("reinhard", "histomicstk", [](Normalize& n) { n.space = "cielab"; }).find("space: ") == 0);
  CHECK(problem("macenko", "", [](Normalize& n) { n.space = "cielab"; }) ==
        "space: 'space' means nothing to method macenko -> method: reinhard, or no space");
  CHECK(problem("macenko", "", [](Normalize& n) { n.tissue = "all"; }).find("tissue: ") == 0);
  CHECK(problem("ruifrok", "", [](Normalize& n) { n.tissue = "luminosity"; }).find("tissue: ") == 0);
}

TEST_CASE("dark tissue is measured, in the picture's bytes and 64 KiB, and glass stays out of it") {
  for (const std::string method : {"macenko", "reinhard", "vahadane"}) {
    CAPTURE(method);
    cv::Mat pixels = stained_picture(ruifrok, 600);
    pixels.rowRange(300, 600) = cv::Scalar(238, 236, 240);
    Normalize options = of_tiles(method);
    options.tissue = "luminosity";
    if (method != "reinhard") {
      const auto found = options.stains_of(pixels);
      REQUIRE(found);
      for (int stain = 0; stain < 2; ++stain) CHECK(angle(found->matrix, ruifrok, stain) < 3);
    } else {
      const auto half = options.lab_of(pixels), all = options.lab_of(pixels.rowRange(0, 300));
      REQUIRE(half);
      REQUIRE(all);
      CHECK(cv::norm(half->mean, all->mean) < 0.2);
    }
    const std::size_t bytes = pixels.total() * 3;
    testing::NodeRunner<Normalize> runner;
    runner.node() = options;
    Costs own;
    own.inputs["tile"] = bytes;
    runner.node().plan(own);
    runner.input("tile", tile_of(std::move(pixels)));
    const Allocations allocations;
    runner.process();
    MESSAGE(method << ": " << allocations.peak() << " of " << own.scratch);
    CHECK(allocations.peak() <= own.scratch);
  }
}
