// SPDX-License-Identifier: Apache-2.0
#pragma once

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

/// Each format below its root element. See read_annotations.
void add_imagescope(pugi::xml_node root, AnnotationBuilder& builder);
void add_asap(pugi::xml_node root, AnnotationBuilder& builder);

}  // namespace flowrun::wsi
