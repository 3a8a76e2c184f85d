// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <cstring>
#include <iterator>

#include "xml_annotations.h"

namespace flowrun::wsi {
namespace {

/// LineColor is blue * 65536 + green * 256 + red.
AnnotationBuilder::Colour colour_of(pugi::xml_node annotation) {
  const std::string_view text = annotation.attribute("LineColor").value();
  std::uint32_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size()) return {};
  return {{static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8),
           static_cast<std::uint8_t>(value >> 16)}};
}

bool blank(const char* text) {
  return text[std::strspn(text, " \t\r\n")] == 0;
}

/// Empty when only the regions can tell.
const char* name_of(pugi::xml_node annotation) {
  const char* name = annotation.attribute("Name").value();
  if (!blank(name)) return name;
  for (const pugi::xml_node list : annotation.children("Attributes"))
    for (const pugi::xml_node attribute : list.children("Attribute"))
      for (const char* key : {"Name", "Value"})
        if (const char* value = attribute.attribute(key).value(); !blank(value)) return value;
  return "";
}

AnnotationBuilder::Ring ring_of(pugi::xml_node region, AnnotationBuilder& builder) {
  AnnotationBuilder::Ring ring;
  for (const pugi::xml_node list : region.children("Vertices")) {
    const auto vertices = list.children("Vertex");
    ring.reserve(ring.size() + static_cast<std::size_t>(std::distance(vertices.begin(), vertices.end())));
    for (const pugi::xml_node vertex : vertices) {
      const double x = coordinate(builder, vertex, "X");
      ring.emplace_back(x, coordinate(builder, vertex, "Y"));
    }
  }
  return ring;
}

}  // namespace

void add_imagescope(pugi::xml_node root, AnnotationBuilder& builder) {
  for (const pugi::xml_node annotation : root.children("Annotation")) {
    const char* name = name_of(annotation);
    const auto colour = colour_of(annotation);
    for (const pugi::xml_node list : annotation.children("Regions"))
      for (const pugi::xml_node region : list.children("Region")) {
        const bool hole = std::strcmp(region.attribute("NegativeROA").value(), "1") == 0;
        // ImageScope's own kinds; how its versions store ellipses differs.
        if (std::strcmp(region.attribute("Type").value(), "2") == 0)
          builder.count("ellipse taken as the polygon of its points",
                        "ellipses taken as the polygons of their points");
        builder.add(blank(name) ? region.attribute("Text").value() : name, colour, hole,
                    {ring_of(region, builder)});
      }
  }
}

}  // namespace flowrun::wsi
