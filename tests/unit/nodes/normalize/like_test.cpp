// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/testing.h>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "../allocations.h"
#include "../stain/stained.h"
#include "nodes/stain/concentrations.h"
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
  CHECK(problem("reinhard", "histolab", target(cielab)) == "");
  CHECK(problem("macenko", "histolab", target(cielab)) ==
        "target: " + cielab.string() +
            ": does not say how much residual its stains leave; give fit_stains residual: scale");
  CHECK(problem("macenko", "histolab", [](Normalize&) {}) ==
        "like: the published target says nothing of the residual -> target: a picture or a stains.yaml");
  CHECK(problem("vahadane", "", [](Normalize& n) { n.residual = "scale"; }).find("residual: the published") ==
        0);
  CHECK(problem("macenko", "histolab", [](Normalize& n) { n.residual = "drop"; }) ==
        "residual: residual is scale with like: histolab, not drop -> residual: scale, or without like");
  CHECK(problem("macenko", "histolab", [](Normalize& n) { n.tissue = "stained"; }).find("tissue: ") == 0);
  CHECK(problem("reinhard", "histolab", [](Normalize& n) { n.background = "change"; }).find("background: ") ==
        0);
  CHECK(problem("reinhard", "", [](Normalize& n) { n.residual = "scale"; }) ==
        "residual: 'residual' means nothing to method reinhard, which finds no stains -> no residual");
  CHECK(problem("ruifrok", "", [](Normalize& n) { n.tissue = "otsu"; }).find("tissue: ") == 0);
  file.report.stains.residual = 0.05;
  CHECK(problem("macenko", "histolab", target(with(LabSpace::cielab, 240, true, "residual.yaml"))) == "");
  CHECK(problem("macenko", "", [](Normalize& n) { n.space = "cielab"; }) ==
        "space: 'space' means nothing to method macenko -> method: reinhard, or no space");
  CHECK(problem("macenko", "", [](Normalize& n) { n.tissue = "all"; }).find("tissue: ") == 0);
  CHECK(problem("ruifrok", "", [](Normalize& n) { n.tissue = "luminosity"; }).find("tissue: ") == 0);
}

TEST_CASE("dark tissue is measured, in the bytes that are said, and glass stays out of it") {
  for (const std::string of : {"luminosity macenko", "luminosity reinhard", "luminosity vahadane",
                               "otsu macenko", "otsu reinhard", "otsu vahadane"}) {
    CAPTURE(of);
    const std::string tissue = of.substr(0, of.find(' ')), method = of.substr(of.find(' ') + 1);
    // With luminosity all dark pixels count, eosin alone, too, which is below beta in the red channel.
    const StainMatrix& known = tissue == "otsu" ? hematoxylin_dab : ruifrok;
    cv::Mat pixels = stained_picture(known, 600);
    pixels.rowRange(300, 600) = cv::Scalar(238, 236, 240);
    Normalize options = of_tiles(method);
    options.tissue = tissue;
    if (method != "reinhard") {
      const auto found = options.stains_of(pixels);
      REQUIRE(found);
      for (int stain = 0; stain < 2; ++stain) CHECK(angle(found->matrix, known, stain) < 3);
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
    MESSAGE(of << ": " << allocations.peak() << " of " << own.scratch);
    CHECK(allocations.peak() <= own.scratch);
  }
}

TEST_CASE("with tissue: otsu Reinhard's method leaves all else as it is") {
  const TemporaryFolder folder;
  cv::imwrite(folder / "look.png", stained_picture(hematoxylin_dab));
  cv::Mat pixels = stained_picture(ruifrok, 300);
  pixels.rowRange(100, 300) = cv::Scalar(200, 203, 206);  // no glass by its density
  Normalize options = of_tiles("reinhard");
  options.like = "histolab";
  options.target = folder / "look.png";
  const Tile tile = normalized(options, pixels.clone());
  const auto changed = [&](int from, int to) {
    return cv::norm(tile.pixels.rowRange(from, to), pixels.rowRange(from, to), cv::NORM_INF);
  };
  CHECK(changed(0, 100) > 10);
  CHECK(changed(102, 300) == 0);  // two pixels below what is tissue are, too
  const cv::Mat flat(50, 50, CV_8UC3, cv::Scalar(150, 60, 150));
  const Tile none = normalized(options, flat.clone());  // no pixel is darker than the rest: no tissue
  CHECK(none.untouched);
  CHECK(cv::norm(none.pixels, flat, cv::NORM_INF) == 0);
}

TEST_CASE("the residual is scaled, or dropped") {
  // Amounts of both stains and of what is at right angles to them.
  const auto picture = [](const StainMatrix& matrix, double most) {
    cv::RNG random(3);
    const cv::Vec3d across = residual_direction(matrix);
    cv::Mat rgb(200, 200, CV_8UC3);
    std::vector<double> residuals;
    for (int i = 0; i < 200 * 200; ++i) {
      const cv::Vec2d amounts(random.uniform(0.1, 1.2), random.uniform(0.1, 1.2));
      residuals.push_back(random.uniform(-most, most));
      const cv::Vec3d od = cv::Vec3d((matrix * amounts).val) + across * residuals.back();
      for (int c = 0; c < 3; ++c)
        rgb.at<cv::Vec3b>(i)[c] = cv::saturate_cast<std::uint8_t>(240 * std::exp(-od[c]) - 1);
    }
    return std::pair(rgb, residuals);
  };
  const StainMatrix known = of_unit_length(ruifrok), wanted = of_unit_length(published_stains().matrix);
  const auto [rgb, residuals] = picture(known, 0.1);
  const double largest = maximum_residual(rgb, known, {}, 1e-7);
  CHECK(largest == doctest::Approx(0.098).epsilon(0.03));  // the 99th of 100 equal parts of -0.1 to 0.1
  for (const double scale : {0.0, 1.0, 2.0, -1.0}) {
    const Stains from{known, {1, 1}, largest}, to{wanted, {1, 1}, scale * largest};
    cv::Mat changed = rgb.clone();
    stain_change(from, to, {})(changed);
    double off = 0;
    for (int i = 0; i < 200 * 200; i += 7) {
      const auto& pixel = changed.at<cv::Vec3b>(i);
      const cv::Vec3d od(std::log(240 / (pixel[0] + 0.5)), std::log(240 / (pixel[1] + 0.5)),
                         std::log(240 / (pixel[2] + 0.5)));
      const double found = od.dot(residual_direction(wanted));
      off = std::max(off, std::abs(found - scale * residuals[static_cast<std::size_t>(i)]));
    }
    CAPTURE(scale);
    CHECK(off < 0.06);  // grey levels are whole numbers
    cv::Mat dropped = rgb.clone();
    stain_change(from, {wanted, {1, 1}}, {})(dropped);
    CHECK((cv::norm(dropped, changed, cv::NORM_INF) <= 1) == (scale == 0));
  }
}
