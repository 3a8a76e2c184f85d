// SPDX-License-Identifier: Apache-2.0
#include "nodes/mask/annotation_file.h"

#include <doctest/doctest.h>

#include "annotations.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;
using namespace std::string_literals;

namespace {

inline double first_x(const std::string& written) {
  return read(vertices(written)).regions.at(0).rings.at(0).at(0).x;
}

const Names number_note{"1 coordinate with commas or spaces was read as the number that it must be"};

}  // namespace

TEST_CASE("ImageScope: layers, names, holes, colours") {
  const AnnotationFile file = read(corpus("annotations_xml/imagescope.xml"));
  CHECK(names_of(file) == Names{"tumor", "hole", "stroma", "stroma", "necrosis & debris"});
  CHECK(file.regions[0].rings[0] == Ring{{100.5, 100}, {2000, 120}, {1800, 1500.5}, {90, 1400.25}});
  CHECK(file.regions[2].rings[0][0] == cv::Point2d(-50, -50));
  CHECK(file.classes[0].rgb == Rgb{255, 0, 0});
  CHECK(file.classes[1].rgb == Rgb{0, 255, 0});
  CHECK(!file.classes[2].rgb);
  CHECK(file.notes == Names{
                          "3 coordinates with commas or spaces were read as the numbers that they must be",
                      });
}

TEST_CASE("ASAP: order, groups, what is no area") {
  const AnnotationFile file = read(corpus("annotations_xml/asap.xml"));
  CHECK(names_of(file) == Names{"Tumor", "normal", "Tumor"});
  CHECK(file.regions[0].rings[0] == Ring{{100, 100}, {1400, 130}, {1500.25, 900}, {90, 1000}});
  CHECK(file.classes[0].rgb == Rgb{0x64, 0xfe, 0x2e});
  CHECK(file.classes[1].rgb == Rgb{0, 255, 0});
  CHECK(file.notes == Names{"1 annotation of type 'Dot' is no area: left out",
                            "1 annotation of type 'PointSet' is no area: left out"});
}

TEST_CASE("QuPath: polygons with holes, many polygons, classes by name, other geometries") {
  const AnnotationFile file = read(corpus("annotations_geojson/collection.geojson"));
  CHECK(names_of(file) == Names{"Tumor", "Stroma: Positive", "Stroma: Positive"});
  CHECK(file.regions[0].rings.size() == 2);
  CHECK(file.regions[0].rings[1] == Ring{{500, 500}, {800, 500}, {650, 900}, {500, 500}});
  CHECK(file.regions[1].rings.size() == 1);
  CHECK(file.regions[2].rings[0] == Ring{{20, 20}, {29, 20}, {29, 29}});
  CHECK(file.classes[0].rgb == Rgb{200, 0, 0});
  // -6895466 is 0xff96c896 as a signed number.
  CHECK(file.classes[1].rgb == Rgb{0x96, 0xc8, 0x96});
  CHECK(file.notes == Names{"1 geometry of type 'LineString' is no area: left out",
                            "2 geometries of type 'Point' are no areas: left out",
                            "1 geometry of type none is no area: left out"});
}

TEST_CASE("QuPath: a Feature alone, and a list of them") {
  CHECK(names_of(read(corpus("annotations_geojson/feature.geojson"))) == Names{"only n\u00e4me"});
  const AnnotationFile file = read(corpus("annotations_geojson/list.geojson"));
  CHECK(names_of(file) == Names{"unnamed"});
  CHECK(file.regions[0].rings[0][1] == cv::Point2d(400, 1));
  CHECK(file.notes == Names{"1 region with fewer than 3 points left out",
                            "1 region without a name is of the class 'unnamed'"});
}

TEST_CASE("the keys of a feature come in any order") {
  const AnnotationFile file = read(
      R"({"features": [{"properties": {"classification": {"color": [1, 2, 3], "name": "a"}, "name": "b"},
          "geometry": {"coordinates": [[[0, 0], [5, 0], [5, 5]]], "type": "Polygon"}, "type": "Feature"}],
          "type": "FeatureCollection"})");
  CHECK(names_of(file) == Names{"a"});
  CHECK(file.classes[0].rgb == Rgb{1, 2, 3});
}

TEST_CASE("numbers as people and programs write them") {
  CHECK(first_x("1.25e3") == 1250);
  CHECK(first_x("+7.5") == 7.5);
  CHECK(first_x("-1E-2") == -0.01);
  for (const auto& [written, value] : std::map<std::string, double>{{" 12.5\n", 12.5},
                                                                    {"12.5,", 12.5},
                                                                    {"12,5", 12.5},
                                                                    {"1234,567", 1234.567},
                                                                    {"0,125", 0.125},
                                                                    {"-3,25", -3.25},
                                                                    {"1,234.5", 1234.5},
                                                                    {"1,234,567", 1234567},
                                                                    {"1,234,567.25", 1234567.25}}) {
    CHECK(first_x(written) == value);
    CHECK(read(vertices(written)).notes == number_note);
  }
  CHECK(read(vertices("12.5")).notes.empty());
}

TEST_CASE("the same from a file, and a file that is not there") {
  const TemporaryFolder folder;
  write_file(folder / "a.txt", corpus("annotations_geojson/feature.geojson"));
  CHECK(names_of(read_annotations(folder / "a.txt")) == Names{"only n\u00e4me"});
  write_file(folder / "bad.xml", "<Annotations>\n <Annotation>\n</Annotations>");
  CHECK_THROWS_WITH_AS(
      read_annotations(folder / "bad.xml"),
      ((folder / "bad.xml").string() +
       ":3:3: start-end tags mismatch; this is no whole XML file: save the annotations again")
          .c_str(),
      Error);
  for (const auto& path : {folder / "none.xml", folder.path()})
    CHECK_THROWS_WITH_AS(read_annotations(path), (path.string() + ": cannot read the annotations").c_str(),
                         Error);
}
