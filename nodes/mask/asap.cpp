// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "xml_annotations.h"

namespace flowrun::wsi {
namespace {

using Groups = std::map<std::string_view, AnnotationBuilder::Colour>;

/// "#RRGGBB".
AnnotationBuilder::Colour colour_of(pugi::xml_node node) {
  std::string_view text = node.attribute("Color").value();
  if (text.size() != 7 || text[0] != '#') return {};
  text.remove_prefix(1);
  std::uint32_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (problem != std::errc() || end != text.data() + text.size()) return {};
  return {{static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 8),
           static_cast<std::uint8_t>(value)}};
}

Groups groups_of(pugi::xml_node root) {
  Groups groups;
  for (const pugi::xml_node list : root.children("AnnotationGroups"))
    for (const pugi::xml_node group : list.children("Group"))
      groups.emplace(group.attribute("Name").value(), colour_of(group));
  return groups;
}

/// The points by Order, those without it where they stand.
AnnotationBuilder::Ring ring_of(pugi::xml_node annotation, AnnotationBuilder& builder) {
  std::vector<std::pair<double, cv::Point2d>> ordered;
  check_children(annotation, {"Coordinates", "Attributes"}, builder);
  for (const pugi::xml_node list : annotation.children("Coordinates")) {
    check_children(list, {"Coordinate"}, builder);
    ordered.reserve(ordered.size() + count_of(list.children("Coordinate")));
    for (const pugi::xml_node point : list.children("Coordinate")) {
      const double order = point.attribute("Order") ? coordinate(builder, point, "Order")
                                                    : static_cast<double>(ordered.size());
      const double x = coordinate(builder, point, "X");
      ordered.push_back({order, {x, coordinate(builder, point, "Y")}});
    }
  }
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  AnnotationBuilder::Ring ring;
  ring.reserve(ordered.size());
  for (const auto& [order, point] : ordered) ring.push_back(point);
  return ring;
}

void add_annotation(pugi::xml_node annotation, const Groups& groups, AnnotationBuilder& builder) {
  const std::string_view type = annotation.attribute("Type").value();
  if (type == "Dot" || type == "PointSet" || type == "Measurement")
    return builder.no_area("annotation", in_quotes(type));
  if (type != "Polygon" && type != "Rectangle" && type != "Spline")
    return builder.unknown(fmt::format("an annotation of type {}", in_quotes(type)));
  const std::string_view group = annotation.attribute("PartOfGroup").value();
  const bool grouped = !group.empty() && group != "None";
  const auto known = grouped ? groups.find(group) : groups.end();
  const auto colour = known != groups.end() && known->second ? known->second : colour_of(annotation);
  builder.add(grouped ? group : annotation.attribute("Name").value(), colour, {.winding = true},
              {ring_of(annotation, builder)});
}

}  // namespace

void add_asap(pugi::xml_node root, AnnotationBuilder& builder) {
  const Groups groups = groups_of(root);
  check_children(root, {"Annotations", "AnnotationGroups"}, builder);
  for (const pugi::xml_node list : root.children("Annotations")) {
    check_children(list, {"Annotation"}, builder);
    for (const pugi::xml_node annotation : list.children("Annotation"))
      add_annotation(annotation, groups, builder);
  }
}

}  // namespace flowrun::wsi
