// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "annotations.h"
#include "nodes/mask/annotation_file.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;
using namespace std::string_literals;

TEST_CASE("a file of which nothing is known is refused, what is not known beside regions is counted") {
  CHECK(refused("<Annotations><a/><a/></Annotations>") ==
        "a:1:1: nothing in the file is known: no region, but 2 other things, the first is an element 'a' in "
        "'Annotations'; save the annotations as ImageScope, HALO, ASAP or QuPath do");
  CHECK(
      refused(
          "<Annotations><Annotation><Regions><Region><Vertices><P X='1' Y='1'/></Vertices></Region></Regions>"
          "</Annotation></Annotations>")
          .find("the first is an element 'P' in 'Vertices'") != std::string::npos);
  CHECK(refused("<ASAP_Annotations><Annotations><Annotation Type='Blob'/></Annotations></ASAP_Annotations>")
            .find("the first is an annotation of type 'Blob'") != std::string::npos);
  CHECK(refused(feature(R"({"type": "Circle", "center": [1, 2], "radius": 3})"))
            .find("the first is a geometry of type 'Circle'") != std::string::npos);
  std::string text = vertices("1");
  text.insert(text.find("</Regions>"), "<Area/><Area/>");
  CHECK(read(text).notes ==
        Names{"2 things that are not known left out, the first is an element 'Area' in 'Regions'"});
  CHECK(read("<Annotations><Annotation><Regions/></Annotation></Annotations>").regions.empty());
  CHECK(read(R"({"type": "FeatureCollection", "features": []})").regions.empty());
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
        "a:3:3: the file begins with 'x,y?1,2'; annotations are XML (ImageScope, HALO, ASAP) or GeoJSON "
        "(QuPath)");
  CHECK(refused("<html>\n</html>") ==
        "a:1:2: the root element is 'html'; annotations begin with Annotations (ImageScope, HALO) or "
        "ASAP_Annotations (ASAP)");
  CHECK(refused("<Annotations>\n<Annotation>\n</Annotations>") ==
        "a:3:3: start-end tags mismatch; this is no whole XML file: save the annotations again");
  CHECK(refused("{\"type\": \"FeatureCollection\",\n \"features\": [}") ==
        "a:2:15: syntax error while parsing value - unexpected '}'; expected '[', '{', or a literal; this is "
        "no "
        "whole JSON file: save the annotations again");
  CHECK(refused(R"({"type": "Topology", "coordinates": [[[0, 0], [1, 0], [1, 1]]]})") ==
        "a:1:1: an object of type 'Topology' without features; QuPath writes a FeatureCollection, a Feature, "
        "or a list "
        "of Features (RFC 7946)");
  CHECK(refused(R"([{"type": "Pollygon"}])")
            .starts_with("a:1:21: among features is an object of type 'Pollygon'; "));
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
  CHECK(refused(elements + "</Annotations>").find("nothing in the file is known") != std::string::npos);
}

TEST_CASE("entities are refused, other document types are not") {
  CHECK(refused(corpus("annotations_xml/doctype.xml")) ==
        "a:2:11: the file defines entities; annotations have none: remove the DOCTYPE");
  CHECK(read("<!DOCTYPE Annotations SYSTEM \"a.dtd\"><Annotations/>").regions.empty());
}
