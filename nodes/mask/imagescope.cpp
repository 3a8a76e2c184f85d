// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numbers>
#include <utility>

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

/// Empty when only the regions can tell. ImageScope's layers have an attribute that is called Description and
/// says nothing by itself.
const char* name_of(pugi::xml_node annotation) {
  const char* name = annotation.attribute("Name").value();
  if (!blank(name)) return name;
  for (const pugi::xml_node list : annotation.children("Attributes"))
    for (const pugi::xml_node attribute : list.children("Attribute")) {
      const char* key = attribute.attribute("Name").value();
      if (!blank(key) && key != std::string_view("Description")) return key;
      if (const char* value = attribute.attribute("Value").value(); !blank(value)) return value;
    }
  return "";
}

/// ImageScope has numbers for it, HALO words.
enum class Shape { polygon, rectangle, ellipse, arrow, ruler };

Shape shape_of(pugi::xml_node region) {
  constexpr std::pair<std::string_view, Shape> shapes[]{
      {"1", Shape::rectangle}, {"Rectangle", Shape::rectangle},
      {"2", Shape::ellipse},   {"Ellipse", Shape::ellipse},
      {"3", Shape::arrow},     {"Arrow", Shape::arrow},
      {"4", Shape::ruler},     {"Ruler", Shape::ruler},
      {"Line", Shape::ruler}};
  for (const auto& [type, shape] : shapes)
    if (region.attribute("Type").value() == type) return shape;
  return Shape::polygon;
}

AnnotationBuilder::Ring ring_of(pugi::xml_node region, AnnotationBuilder& builder) {
  AnnotationBuilder::Ring ring;
  check_children(region, {"Vertices", "Attributes", "Comments"}, builder);
  for (const pugi::xml_node list : region.children("Vertices")) {
    check_children(list, {"Vertex", "V"}, builder);
    ring.reserve(ring.size() + count_of(list.children()));
    for (const pugi::xml_node vertex : list.children()) {
      if (vertex.name() != std::string_view("Vertex") && vertex.name() != std::string_view("V")) continue;
      const double x = coordinate(builder, vertex, "X");
      ring.emplace_back(x, coordinate(builder, vertex, "Y"));
    }
  }
  return ring;
}

/// What the points of a rectangle or an ellipse stand for: corners or ends of its axes, unless there are
/// more, which are its outline.
AnnotationBuilder::Ring outline_of(Shape shape, AnnotationBuilder::Ring ring) {
  if (ring.size() > 1 && ring.front() == ring.back()) ring.pop_back();
  const std::size_t most = shape == Shape::rectangle ? 2 : shape == Shape::ellipse ? 4 : 0;
  if (ring.size() < 2 || ring.size() > most) return ring;
  const auto [left, right] =
      std::minmax_element(ring.begin(), ring.end(), [](const auto& a, const auto& b) { return a.x < b.x; });
  const auto [top, bottom] =
      std::minmax_element(ring.begin(), ring.end(), [](const auto& a, const auto& b) { return a.y < b.y; });
  const cv::Point2d low(left->x, top->y), high(right->x, bottom->y);
  if (low.x == high.x || low.y == high.y) return {};
  return shape == Shape::rectangle ? AnnotationBuilder::Ring{low, {high.x, low.y}, high, {low.x, high.y}}
                                   : ellipse_in(low, high);
}

}  // namespace

AnnotationBuilder::Ring ellipse_in(cv::Point2d low, cv::Point2d high) {
  constexpr double off = 0.1;  // pixels that the outline is from the ellipse at most, while points suffice
  const cv::Point2d centre = (low + high) / 2, radius = (high - low) / 2;
  const double longest = std::max(radius.x, radius.y);
  const double turn = 2 * std::acos(std::max(1 - off / longest, 0.0));
  const double points = std::ceil(2 * std::numbers::pi / turn / 4) * 4;
  const auto count =
      static_cast<std::size_t>(std::clamp(points, 8.0, static_cast<double>(most_ellipse_points)));
  AnnotationBuilder::Ring ring;
  ring.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(count);
    ring.emplace_back(centre.x + radius.x * std::cos(angle), centre.y + radius.y * std::sin(angle));
  }
  return ring;
}

void add_imagescope(pugi::xml_node root, AnnotationBuilder& builder) {
  std::uint32_t layer = 0;
  check_children(root, {"Annotation"}, builder);
  for (const pugi::xml_node annotation : root.children("Annotation")) {
    ++layer;
    const char* const name = name_of(annotation);
    const auto colour = colour_of(annotation);
    check_children(annotation, {"Attributes", "Regions", "Plots"}, builder);
    for (const pugi::xml_node list : annotation.children("Regions")) {
      check_children(list, {"Region", "RegionAttributeHeaders"}, builder);
      for (const pugi::xml_node region : list.children("Region")) {
        const Shape shape = shape_of(region);
        if (shape == Shape::arrow || shape == Shape::ruler) {
          builder.no_area("region", shape == Shape::arrow ? "arrow" : "ruler");
          continue;
        }
        const bool hole = std::strcmp(region.attribute("NegativeROA").value(), "1") == 0;
        const char* const text = region.attribute("Text").value();
        const std::string numbered = fmt::format("layer {}", layer);
        builder.add(!blank(name)   ? name
                    : !blank(text) ? text
                                   : numbered,
                    colour, {layer, hole}, {outline_of(shape, ring_of(region, builder))});
      }
    }
  }
}

}  // namespace flowrun::wsi
