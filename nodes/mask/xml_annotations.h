// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <pugixml.hpp>

#include "annotation_builder.h"

namespace flowrun::wsi {

/// A required coordinate of an element.
inline double coordinate(AnnotationBuilder& builder, pugi::xml_node node, const char* name) {
  const auto offset = static_cast<std::size_t>(node.offset_debug());
  const pugi::xml_attribute attribute = node.attribute(name);
  if (!attribute)
    throw Malformed(offset, std::string(node.name()) + " has no " + name + "; a vertex has X and Y");
  return builder.coordinate(attribute.value(), name, offset);
}

/// Elements of other names are not known.
inline void check_children(pugi::xml_node parent, std::initializer_list<std::string_view> known,
                           AnnotationBuilder& builder) {
  for (const pugi::xml_node child : parent.children())
    if (child.type() == pugi::node_element &&
        std::find(known.begin(), known.end(), child.name()) == known.end())
      builder.unknown(fmt::format("an element {} in {}", in_quotes(child.name()), in_quotes(parent.name())));
}

template <class Children>
std::size_t count_of(const Children& children) {
  return static_cast<std::size_t>(std::distance(children.begin(), children.end()));
}

/// Points on the ellipse in a box, fewer for a small one. Between two it is cut off by a tenth of a pixel,
/// or of very large ones by less than a ten thousandth of its radius.
constexpr std::size_t most_ellipse_points = 256;
AnnotationBuilder::Ring ellipse_in(cv::Point2d low, cv::Point2d high);

/// Each format below its root element. See read_annotations.
void add_imagescope(pugi::xml_node root, AnnotationBuilder& builder);
void add_asap(pugi::xml_node root, AnnotationBuilder& builder);

}  // namespace flowrun::wsi
