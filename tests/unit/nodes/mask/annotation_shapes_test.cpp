// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <cmath>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include "annotations.h"
#include "nodes/mask/annotation_file.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;
using namespace std::string_literals;

TEST_CASE("ImageScope's shapes: areas by two corners or four points, rulers and arrows") {
  const auto shaped = [](const std::string& type, const Ring& points) {
    std::string text = "<Annotations><Annotation Name='t'><Regions><Region Type='" + type + "'><Vertices>";
    for (const auto& p : points)
      text += "<Vertex X='" + std::to_string(p.x) + "' Y='" + std::to_string(p.y) + "'/>";
    return read(text + "</Vertices></Region></Regions></Annotation></Annotations>");
  };
  const Ring corners{{10, 20}, {210, 120}}, box{{10, 20}, {210, 20}, {210, 120}, {10, 120}};
  CHECK(shaped("1", corners).regions.at(0).rings[0] == box);
  CHECK(shaped("1", {corners[1], corners[0], corners[1]}).regions.at(0).rings[0] == box);
  CHECK(shaped("1", box).regions.at(0).rings[0] == box);
  // By two corners of its box, all four, or the ends of its axes: the same ellipse.
  for (const Ring& points : {corners, box, Ring{{10, 70}, {110, 20}, {210, 70}, {110, 120}}}) {
    const Ring ellipse = shaped("2", points).regions.at(0).rings[0];
    CHECK(ellipse.size() >= 32);
    CHECK(cv::contourArea(std::vector<cv::Point2f>(ellipse.begin(), ellipse.end())) ==
          doctest::Approx(std::numbers::pi * 100 * 50).epsilon(0.005));
    for (const auto& p : ellipse)
      CHECK(std::pow((p.x - 110) / 100, 2) + std::pow((p.y - 70) / 50, 2) == doctest::Approx(1));
  }
  CHECK(shaped("2", {{0, 0}, {4, 0}, {6, 3}, {4, 6}, {0, 6}, {-2, 3}}).regions.at(0).rings[0].size() == 6);
  CHECK(shaped("3", box).notes == Names{"1 region of type arrow is no area: left out"});
  CHECK(shaped("4", box).notes == Names{"1 region of type ruler is no area: left out"});
  for (const auto& [type, points] : std::vector<std::pair<std::string, Ring>>{
           {"0", corners}, {"2", {{5, 5}, {5, 50}}}, {"1", {{5, 5}, {50, 5}}}})
    CHECK(shaped(type, points).notes == Names{"1 region with fewer than 3 points left out"});
}

TEST_CASE("HALO: vertices V, types in words, holes") {
  const AnnotationFile file = read(
      "<Annotations><Annotation LineColor='65535' Name='Tumor' Visible='True'><Regions>"
      "<Region Type='Polygon' HasEndcaps='0' NegativeROA='0'><Vertices><V X='0' Y='0'/><V X='90' Y='0'/>"
      "<V X='90' Y='90'/></Vertices><Comments/></Region>"
      "<Region Type='Polygon' NegativeROA='1'><Vertices><V X='60' Y='10'/><V X='70' Y='10'/><V X='70' "
      "Y='20'/>"
      "</Vertices></Region>"
      "<Region Type='Rectangle' NegativeROA='0'><Vertices><V X='200' Y='100'/><V X='300' "
      "Y='150'/></Vertices></Region>"
      "<Region Type='Ellipse'><Vertices><V X='0' Y='0'/><V X='9' Y='9'/></Vertices></Region>"
      "<Region Type='Ruler'><Vertices><V X='0' Y='0'/><V X='9' Y='9'/></Vertices></Region>"
      "</Regions></Annotation></Annotations>");
  CHECK(names_of(file) == Names{"Tumor", "hole", "Tumor", "Tumor"});
  CHECK(file.classes[0].rgb == Rgb{255, 255, 0});
  CHECK(file.regions[1].layer == file.regions[0].layer);
  CHECK(file.regions[2].rings[0] == Ring{{200, 100}, {300, 100}, {300, 150}, {200, 150}});
  CHECK(file.notes == Names{"1 region of type ruler is no area: left out"});
}

TEST_CASE("a hole whose layer has no region is told") {
  std::string text = vertices("1");
  text.insert(text.find("<Region>") + 7, " NegativeROA='1'");
  const AnnotationFile file = read(text);
  CHECK(names_of(file) == Names{"hole"});
  CHECK(file.notes == Names{"1 hole has no region in its layer, and cuts nothing"});
}

TEST_CASE("layers of ImageScope that have no name of their own do not become one class") {
  const auto layer = [](const std::string& attributes, const std::string& text = {}) {
    return "<Annotation Name=''><Attributes>" + attributes + "</Attributes><Regions><Region Text='" + text +
           "'><Vertices><Vertex X='1' Y='1'/><Vertex X='3' Y='1'/><Vertex X='3' Y='5'/></Vertices></Region>"
           "</Regions></Annotation>";
  };
  const std::string blank = "<Attribute Name='Description' Id='0' Value=''/>";
  const AnnotationFile file = read(
      "<Annotations>" + layer("<Attribute Name='Description' Id='0' Value='Tumor'/>") +
      layer(blank, "Mitosis") + layer(blank) + layer(blank) + layer("<Attribute Name='stroma' Value=''/>") +
      layer(blank + "<Attribute Name='' Value='fat'/>") + "</Annotations>");
  CHECK(names_of(file) == Names{"Tumor", "Mitosis", "layer 3", "layer 4", "stroma", "fat"});
  CHECK(file.notes.empty());
}

TEST_CASE("geometries by themselves, in lists, in collections; rings run either way") {
  const std::string right = "[[0, 0], [5, 0], [5, 5], [0, 0]]", left = "[[0, 0], [5, 5], [5, 0], [0, 0]]";
  for (const std::string& ring : {right, left}) {
    const std::string polygon = R"({"type": "Polygon", "coordinates": [)" + ring + "]}";
    const std::string many =
        R"({"coordinates": [[)" + ring + "], [" + ring + R"(]], "type": "MultiPolygon"})";
    const auto collection = [](const std::string& parts) {
      return R"({"type": "GeometryCollection", "geometries": [)" + parts + "]}";
    };
    const std::string nested =
        collection(collection(many) + R"(, {"type": "Point", "coordinates": [1, 2]}, )" + polygon);
    for (const auto& [text, regions] : std::vector<std::pair<std::string, std::size_t>>{
             {polygon, 1},
             {many, 2},
             {nested, 3},
             {feature(nested), 3},
             {feature(many), 2},
             {"[" + polygon + ", " + feature(many) + "]", 3},
             {R"({"type": "FeatureCollection", "features": [)" + feature(nested) + ", " + feature(polygon) +
                  "]}",
              4}}) {
      const AnnotationFile file = read(text);
      CHECK_MESSAGE(file.regions.size() == regions, text);
      CHECK(file.geojson);
      CHECK(cv::contourArea(std::vector<cv::Point2f>(file.regions[0].rings[0].begin(),
                                                     file.regions[0].rings[0].end())) == 12.5);
    }
    CHECK(read(nested).notes[0] == "1 geometry of type 'Point' is no area: left out");
  }
  CHECK(read(feature(R"({"type": "GeometryCollection", "geometries": []})")).notes ==
        Names{"1 geometry of type 'GeometryCollection' is no area: left out"});
}
