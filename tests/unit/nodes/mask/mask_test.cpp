// SPDX-License-Identifier: Apache-2.0
#include "nodes/mask/mask.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/class_mask.h>
#include <flowrun/wsi/slide.h>

#include <opencv2/core.hpp>
#include <pugixml.hpp>

#include "../exact_polygons.h"
#include "../slides.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

const std::string square =
    R"({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [9, 0], [9, 9], [0, 9]]]},
        "properties": {"name": "square"}})";

/// One call, with what the user is told.
struct Call {
  explicit Call(const AnnotationMask& node, const std::string& slide_name = "s") {
    runner.node() = node;
    runner.input("slide", Slide::open(small_slide(), slide_name)).process();
    if (!runner.drop_reasons().empty()) dropped = runner.drop_reasons().front();
    if (runner.emitted("classes") > 0) mask = &runner.output<ClassMask>("classes");
  }
  testing::NodeRunner<AnnotationMask> runner;
  const std::vector<std::string>& notes = runner.notes();
  std::string dropped;
  const ClassMask* mask = nullptr;
};

}  // namespace

TEST_CASE("synthetic annotations drawn by exact geometry are the mask that the node gives") {
  const TemporaryFolder folder;
  SynthOptions options;
  options.width = 2600;
  options.height = 1900;
  options.annotations = folder / "s.xml";
  write_synthetic_slide(folder / "s.svs", options);
  testing::NodeRunner<AnnotationMask> runner;
  runner.node().annotations = {folder / "{slide}.xml"};
  runner.node().classes = {{"tumor", 2}, {"stroma", 5}};
  runner.input("slide", Slide::open(folder / "s.svs", "s")).process();
  const auto& mask = runner.output<ClassMask>("classes");

  pugi::xml_document document;
  REQUIRE(document.load_file((folder / "s.xml").c_str()));
  for (const double downsample : {1.0, 8.0}) {
    cv::Mat expected =
        cv::Mat::zeros(static_cast<int>(1900 / downsample), static_cast<int>(2600 / downsample), CV_8UC1);
    for (const auto& found : document.select_nodes("//Region")) {
      std::vector<cv::Point> points;
      for (const auto& vertex : found.node().select_nodes("Vertices/Vertex"))
        points.emplace_back(static_cast<int>(vertex.node().attribute("X").as_double() / downsample),
                            static_cast<int>(vertex.node().attribute("Y").as_double() / downsample));
      const bool tumor = std::string(found.parent().parent().attribute("Name").value()) == "tumor";
      const bool hole = found.node().attribute("NegativeROA").as_int() == 1;
      test::ExactPolygons({points}).fill(expected, hole ? 0 : tumor ? 2 : 5);
    }
    cv::Mat values(mask.size(downsample), CV_8UC1);
    mask.draw(downsample, 0, 0, values);
    CHECK(values.size() == expected.size());
    CHECK(cv::norm(values, expected, cv::NORM_INF) == 0);
    CHECK(cv::countNonZero(expected == 2) > 100);
  }
}

TEST_CASE("the first pattern with a file counts, the whole name before its first part") {
  const TemporaryFolder folder;
  AnnotationMask node;
  node.annotations = {folder / "a/{slide}.xml", folder / "b/{slide}.json"};
  std::filesystem::create_directories(folder / "b");
  write_file(folder / "b/TCGA-1.json", square);
  CHECK(Call(node, "TCGA-1.uuid").mask->classes().at(0).name == "square");
  write_file(folder / "b/TCGA-1.uuid.json", "[]");
  CHECK(Call(node, "TCGA-1.uuid").notes == std::vector<std::string>{"the annotations have no regions"});
  CHECK(Call(node, "TCGA-1").mask->regions().size() == 1);
}

TEST_CASE("a slide without annotations fails, is skipped or has an empty mask") {
  const TemporaryFolder folder;
  AnnotationMask node;
  node.annotations = {folder / "{slide}.xml", folder / "{slide}.json"};
  node.classes = {{"tumor", 1}};
  CHECK_THROWS_WITH_AS(
      Call(node, "x.y"),
      ("no annotations: there is no " + (folder / "x.y.xml").string() + ", " + (folder / "x.xml").string() +
       ", " + (folder / "x.y.json").string() + ", " + (folder / "x.json").string() +
       "; correct `annotations`, or say missing: skip or empty")
          .c_str(),
      Error);
  node.missing = "skip";
  const Call skipped(node);
  CHECK(!skipped.mask);
  CHECK(skipped.dropped == "no annotations");
  node.missing = "empty";
  const Call empty(node);
  CHECK(empty.notes.at(0) == "no annotations: the mask is empty");
  CHECK(empty.mask->find("tumor")->value == 1);
  cv::Mat values(10, 10, CV_8UC1, cv::Scalar(99));
  empty.mask->draw(1, 0, 0, values);
  CHECK(cv::countNonZero(values) == 0);
}

TEST_CASE("memory is asked for by the file's size and kind") {
  const TemporaryFolder folder;
  AnnotationMask node;
  node.annotations = {folder / "{slide}"};
  write_file(folder / "s", square + std::string(1000000, ' '));
  CHECK(Call(node).runner.asked() > 4000000);
  CHECK(Call(node).runner.asked() < 4200000);
  write_file(folder / "s", "<Annotations/>" + std::string(1000000, ' '));
  CHECK(Call(node).runner.asked() > 2500000);
  CHECK(Call(node).runner.asked() < 2700000);
  const auto region = [&](const std::string& type, int count) {
    std::string text = "<Annotations><Annotation Name='a'><Regions>";
    for (int i = 0; i < count; ++i)
      text +=
          "<Region Type=" + type + "><Vertices><V X='2' Y='2'/><V X='99999' Y='88888'/></Vertices></Region>";
    write_file(folder / "s", text + "</Regions></Annotation></Annotations>");
    return Call(node);
  };
  // Ellipses become more points than the file has, however their type is written; other shapes do not.
  for (const std::string type : {"'2'", "\"Ellipse\"", " '&#50;'"}) {
    const Call call = region(type, 2000);
    CHECK(call.mask->regions().at(0).rings.at(0).size() > 100);
    CHECK(call.mask->bytes() <= call.runner.leased());
  }
  CHECK(region("'1'", 2000).runner.asked() < 3000000);
}

TEST_CASE("GeoJSON counts from the slide's bounds, XML from the slide, unless `origin` says otherwise") {
  const TemporaryFolder folder;
  auto facts = std::make_shared<SlideFacts>();
  facts->name = "s";
  facts->levels = {{3000, 2000}};
  facts->bounds = {1000, 600, 500, 400};
  const auto corner = [&](const std::string& origin, std::vector<std::string>* notes = nullptr) {
    testing::NodeRunner<AnnotationMask> runner;
    runner.node().annotations = {folder / "{slide}"};
    runner.node().origin = origin;
    runner.input("slide", Slide(facts, nullptr)).process();
    if (notes) *notes = runner.notes();
    return runner.output<ClassMask>("classes").regions().at(0).rings.at(0).at(0);
  };
  write_file(folder / "s", square);
  std::vector<std::string> notes;
  CHECK(corner("auto", &notes) == cv::Point2d(1000, 600));
  CHECK(notes ==
        std::vector<std::string>{"the annotations were taken to count from the corner of the slide's "
                                 "bounds at x=1000, y=600, as QuPath does"});
  CHECK(corner("bounds", &notes) == cv::Point2d(1000, 600));
  CHECK(notes.empty());
  CHECK(corner("slide") == cv::Point2d(0, 0));
  write_file(folder / "s",
             "<Annotations><Annotation Name='a'><Regions><Region><Vertices><Vertex X='7' Y='8'/>"
             "<Vertex X='9' Y='8'/><Vertex X='9' Y='9'/></Vertices></Region></Regions></Annotation>"
             "</Annotations>");
  CHECK(corner("auto") == cv::Point2d(7, 8));
  CHECK(corner("bounds") == cv::Point2d(1007, 608));
}

TEST_CASE("rulers, two corners and holes of ImageScope, drawn: pixels counted by hand") {
  const TemporaryFolder folder;
  AnnotationMask node;
  node.annotations = {folder / "{slide}"};
  node.classes = {{"a", 1}, {"b", 2}, {"cut", 0}};
  const auto square = [](int left, int right, bool hole = false) {
    return "<Region Type='1' NegativeROA='" + std::to_string(hole) + "'><Vertices><Vertex X='" +
           std::to_string(left) + "' Y='" + std::to_string(left) + "'/><Vertex X='" + std::to_string(right) +
           "' Y='" + std::to_string(right) + "'/></Vertices></Region>";
  };
  const auto layer = [](const std::string& name, const std::string& regions) {
    return "<Annotation Name='" + name + "'><Regions>" + regions + "</Regions></Annotation>";
  };
  const auto counts = [&](const std::string& layers) {
    write_file(folder / "s", "<Annotations>" + layers + "</Annotations>");
    const Call call(node);
    cv::Mat values(100, 100, CV_8UC1);
    call.mask->draw(1, 0, 0, values);
    return std::pair(cv::countNonZero(values == 1), cv::countNonZero(values == 2));
  };
  // a has 10 to 29; b, over it, 0 to 89 with a hole from 20 to 39, in which a shows: 10 x 10 pixels.
  const std::string a = layer("a", square(10, 29));
  CHECK(counts(a + layer("b", square(0, 89) + square(20, 39, true))) == std::pair(100, 8100 - 400));
  CHECK(counts(a + layer("b", square(20, 39, true) + square(0, 89))) == std::pair(100, 8100 - 400));
  // A class of value 0 cuts all but what its own holes spare.
  const std::string cut = layer("cut", square(20, 89) + square(22, 23, true));
  CHECK(counts(cut + a) == std::pair(400 - 100 + 4, 0));
  CHECK(counts(a + cut) == std::pair(400 - 100 + 4, 0));
  CHECK(counts(layer("b", square(20, 39, true)) + a) == std::pair(400, 0));
}

TEST_CASE("what stays leased is enough for the mask, also of files with nothing but points or regions") {
  const TemporaryFolder folder;
  AnnotationMask node;
  node.annotations = {folder / "{slide}"};
  const auto times = [](int count, const std::string& text) {
    std::string all;
    for (int i = 0; i < count; ++i) all += text;
    return all;
  };
  const auto json = [](const std::string& type, const std::string& rings) {
    return R"({"type":"Feature","geometry":{"type":")" + type + R"(","coordinates":[)" + rings + "]}}";
  };
  const auto xml = [](const std::string& vertices) {
    return "<Region><Vertices>" + vertices + "</Vertices></Region>";
  };
  const std::string three = R"(<Vertex X="0" Y="0"/><Vertex X="0" Y="1"/><Vertex X="1" Y="1"/>)";
  const std::string ring = "[[0,0],[0,1],[1,1]]";
  for (const std::string& text :
       {json("Polygon", "[" + times(50000, "[1,2],[9,1],") + "[0,0]]"),
        json("Polygon", times(20000, ring + ",") + ring),
        json("MultiPolygon", times(20000, "[" + ring + "],") + "[ [ [0, 0], [0, 1], [1, 1] ] ]"),
        "[" + times(20000, json("Polygon", ring) + ",") + json("Polygon", ring) + "]",
        "<Annotations><Annotation><Regions>" + xml(three + times(50000, three)) +
            "</Regions></Annotation></Annotations>",
        "<Annotations><Annotation><Regions>" + times(20000, xml(three)) +
            "</Regions></Annotation></Annotations>"}) {
    write_file(folder / "s", text);
    const Call call(node);
    REQUIRE(call.mask);
    CHECK(call.mask->bytes() > text.size() / 2);
    CHECK(call.mask->bytes() <= call.runner.leased());
  }
}

TEST_CASE("what is wrong with a class is said with the file") {
  const TemporaryFolder folder;
  AnnotationMask node;
  node.annotations = {folder / "{slide}"};
  node.classes = {{"tumor", 1}};
  node.other = "fail";
  write_file(folder / "s", square);
  CHECK_THROWS_WITH_AS(
      Call{node},
      ((folder / "s").string() +
       ": a region is of class 'square', which `classes` does not have; add it, or say other: ignore")
          .c_str(),
      Error);
}

TEST_CASE("options that contradict each other are mistakes") {
  AnnotationMask node;
  Costs costs;
  node.classes = {{"Tumor", 1}, {"tumor", 2}};
  CHECK_THROWS_WITH_AS(node.plan(costs), "'Tumor' and 'tumor' are the same name: case does not count",
                       OptionError);
  node.classes.clear();
  node.other = "fail";
  CHECK_THROWS_AS(node.plan(costs), OptionError);
}
