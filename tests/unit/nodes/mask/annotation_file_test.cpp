// SPDX-License-Identifier: Apache-2.0
#include "nodes/mask/annotation_file.h"

#include <doctest/doctest.h>
#include <flowrun/error.h>

#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;
using namespace std::string_literals;

namespace {

using Ring = std::vector<cv::Point2d>;
using Names = std::vector<std::string>;
using Rgb = std::array<std::uint8_t, 3>;

AnnotationFile read(const std::string& text) {
  return parse_annotations(text, "a");
}

/// What is said of a file that is refused.
std::string refused(const std::string& text) {
  try {
    read(text);
  } catch (const Error& problem) {
    return problem.what();
  }
  return "accepted";
}

Names names_of(const AnnotationFile& file) {
  Names names;
  for (const auto& region : file.regions)
    names.push_back(region.hole ? "hole" : file.classes[region.of_class].name);
  return names;
}

std::string corpus(const std::string& name) {
  return read_file(std::string(FLOWRUN_SOURCE) + "/tests/fuzz/corpus/" + name);
}

std::string vertices(const std::string& first_x) {
  return "<Annotations>\n<Annotation Name=\"t\"><Regions><Region><Vertices>\n<Vertex X=\"" + first_x +
         "\" Y=\"1\"/><Vertex X=\"5\" Y=\"1\"/><Vertex X=\"5\" Y=\"9\"/>\n"
         "</Vertices></Region></Regions></Annotation></Annotations>";
}

std::string feature(const std::string& geometry) {
  return R"({"type": "Feature", "geometry": )" + geometry + "}";
}

double first_x(const std::string& written) {
  return read(vertices(written)).regions.at(0).rings.at(0).at(0).x;
}

const Names number_note{"1 coordinate with commas or spaces was read as the number that it must be"};

}  // namespace

TEST_CASE("ImageScope: layers, names, holes, colours") {
  const AnnotationFile file = read(corpus("annotations_xml/imagescope.xml"));
  CHECK(names_of(file) == Names{"tumor", "hole", "stroma", "necrosis & debris"});
  CHECK(file.regions[0].rings[0] == Ring{{100.5, 100}, {2000, 120}, {1800, 1500.5}, {90, 1400.25}});
  CHECK(file.regions[2].rings[0][0] == cv::Point2d(-50, -50));
  CHECK(file.classes[0].rgb == Rgb{255, 0, 0});
  CHECK(file.classes[1].rgb == Rgb{0, 255, 0});
  CHECK(!file.classes[2].rgb);
  CHECK(file.notes == Names{"3 coordinates with commas or spaces were read as the numbers that they must be",
                            "1 ellipse taken as the polygon of its points",
                            "1 region with fewer than 3 points left out"});
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
  CHECK(file.notes.size() == 4);
  CHECK(file.notes[0] == "1 geometry of type 'GeometryCollection' is no area: left out");
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

TEST_CASE("every encoding of Unicode, with and without a byte order mark") {
  const AnnotationFile plain = read(corpus("annotations_xml/imagescope.xml"));
  const auto utf16 = [](const std::string& text, bool big) {
    std::string out;
    for (const char c : text) out += big ? std::string{'\0', c} : std::string{c, '\0'};
    return out;
  };
  const std::string text = corpus("annotations_xml/imagescope.xml");
  for (const std::string& same :
       {"\xef\xbb\xbf" + text, "\xff\xfe"s + utf16(text, false), "\xfe\xff"s + utf16(text, true),
        utf16(text, false), utf16(text, true), corpus("annotations_xml/utf16.xml")}) {
    const AnnotationFile file = read(same);
    CHECK(names_of(file) == names_of(plain));
    CHECK(file.regions[3].rings == plain.regions[3].rings);
  }
  CHECK(names_of(read("\xef\xbb\xbf" + corpus("annotations_geojson/feature.geojson"))) ==
        Names{"only n\u00e4me"});
  const std::string named =
      "<Annotations><Annotation Name=\" k\xe4se \"><Regions><Region><Vertices><Vertex X='1' Y='1'/>"
      "<Vertex X='3' Y='1'/><Vertex X='3' Y='5'/></Vertices></Region></Regions></Annotation></Annotations>";
  const AnnotationFile latin = read(named);
  CHECK(names_of(latin) == Names{"k\u00e4se"});
  CHECK(latin.notes == Names{"1 region has a name that is not UTF-8; it was read as Latin-1"});
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

TEST_CASE("what is no coordinate is refused where it stands") {
  CHECK(refused(vertices("nan")) ==
        "a:3:2: X is nan; a coordinate is a number of level-0 pixels from -1e9 to 1e9");
  CHECK(refused(vertices("-inf")) ==
        "a:3:2: X is -inf; a coordinate is a number of level-0 pixels from -1e9 to 1e9");
  CHECK(refused(vertices("2e9")) ==
        "a:3:2: X is 2000000000; a coordinate is a number of level-0 pixels from -1e9 to 1e9");
  for (const std::string bad :
       {"", "x", "1,234", "12 34", "1,23,456", "0x10", "1e999", "1,,2", "1.2.3", "--1"})
    CHECK(refused(vertices(bad)) ==
          "a:3:2: X is '" + bad + "'; a coordinate is a number of level-0 pixels such as 1234.5");
  CHECK(refused("<Annotations><Annotation><Regions><Region><Vertices><Vertex X=\"1\"/>"
                "</Vertices></Region></Regions></Annotation></Annotations>") ==
        "a:1:54: Vertex has no Y; a vertex has X and Y");
  CHECK(refused(feature(R"({"type": "Polygon", "coordinates": [[[0, 0], [1e10, 0], [1, 1]]]})")) ==
        "a:1:83: a coordinate is 10000000000; a coordinate is a number of level-0 pixels from -1e9 to 1e9");
}

TEST_CASE("a file cut off anywhere is refused or, cut after its end, read") {
  for (const std::string name :
       {"annotations_xml/imagescope.xml", "annotations_xml/asap.xml",
        "annotations_geojson/collection.geojson", "annotations_geojson/list.geojson"}) {
    const std::string text = corpus(name);
    const std::size_t end = text.find_last_of(">}]") + 1;
    for (std::size_t length = 0; length < end; ++length) {
      const std::string said = refused(text.substr(0, length));
      CHECK_MESSAGE(said.starts_with("a:"), name, " cut to ", length, ": ", said);
    }
    CHECK(refused(text.substr(0, end)) == "accepted");
  }
}

TEST_CASE("broken files are refused with place and reason") {
  CHECK(refused("") == "a:1:1: the file is empty; save the annotations again");
  CHECK(refused("\n\n  x,y\n1,2") ==
        "a:3:3: the file begins with 'x,y?1,2'; annotations are XML (ImageScope, ASAP) or GeoJSON (QuPath)");
  CHECK(refused("<html>\n</html>") ==
        "a:1:2: the root element is 'html'; annotations begin with Annotations (ImageScope) or "
        "ASAP_Annotations (ASAP)");
  CHECK(refused("<Annotations>\n<Annotation>\n</Annotations>") ==
        "a:3:3: start-end tags mismatch; this is no whole XML file: save the annotations again");
  CHECK(refused("{\"type\": \"FeatureCollection\",\n \"features\": [}") ==
        "a:2:15: syntax error while parsing value - unexpected '}'; expected '[', '{', or a literal; this is "
        "no "
        "whole JSON file: save the annotations again");
  CHECK(refused(R"({"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1]]]})") ==
        "a:1:1: an object of type 'Polygon' without features; QuPath writes a FeatureCollection, a Feature, "
        "or a list "
        "of Features (RFC 7946)");
  CHECK(refused(R"([{"type": "Polygon"}])")
            .starts_with("a:1:20: among features is an object of type 'Polygon'; "));
}

TEST_CASE("what is no feature among features is refused") {
  for (const auto& [value, name] : std::map<std::string, std::string>{{"1", "a number"},
                                                                      {"\"a\"", "a text"},
                                                                      {"null", "null"},
                                                                      {"true", "true or false"},
                                                                      {"[]", "a list"}})
    for (const std::string& text :
         {"[" + value + "]", "{\"features\": [" + value + "], \"type\": \"FeatureCollection\"}"})
      CHECK(refused(text).find(": " + name + " stands among features; QuPath writes") != std::string::npos);
}

TEST_CASE("coordinates of a wrong shape are refused") {
  const auto polygon = [](const std::string& coordinates) {
    return refused(feature(R"({"type": "Polygon", "coordinates": )" + coordinates + "}"));
  };
  const auto says = [&](const std::string& coordinates, const std::string& what) {
    const std::string said = polygon(coordinates);
    CHECK_MESSAGE(said.find(what) != std::string::npos, said);
  };
  says("[[0, 0], [1, 0], [1, 1]]", "the coordinates of a Polygon are nested 2 deep; 3 is right");
  says("[[[[0, 0], [1, 0], [1, 1]]]]", "the coordinates of a Polygon are nested 4 deep; 3 is right");
  says("[[[0], [1, 0], [1, 1]]]", "a position has fewer than 2 numbers");
  says("[[[0, 0], [], [1, 1]]]", "a position has fewer than 2 numbers");
  says("[[[0, 0], 5, [1, 1]]]", "a position stands among lists of positions");
  says("[[[0, [1], 0], [1, 1]]]", "a list stands within a position");
  says("[[[0, \"1\"], [1, 1]]]", "a text stands among coordinates");
  says("[[[0, null], [1, 1]]]", "null stands among coordinates");
  CHECK(polygon("[]") == "accepted");
}

TEST_CASE("deep nesting is refused and takes no stack") {
  const std::string deep(1000000, '[');
  CHECK(refused("{\"a\": " + deep).starts_with("a:1:70: lists and objects are nested more than 64 deep; "));
  CHECK(refused(feature(R"({"type": "Polygon", "coordinates": )" + deep)).find("more than 64 deep") !=
        std::string::npos);
  std::string elements = "<Annotations>";
  for (int i = 0; i < 300000; ++i) elements += "<a>";
  CHECK(refused(elements).find("start-end tags mismatch") != std::string::npos);
  for (int i = 0; i < 300000; ++i) elements += "</a>";
  CHECK(read(elements + "</Annotations>").regions.empty());
}

TEST_CASE("entities are refused, other document types are not") {
  CHECK(refused(corpus("annotations_xml/doctype.xml")) ==
        "a:2:11: the file defines entities; annotations have none: remove the DOCTYPE");
  CHECK(read("<!DOCTYPE Annotations SYSTEM \"a.dtd\"><Annotations/>").regions.empty());
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
