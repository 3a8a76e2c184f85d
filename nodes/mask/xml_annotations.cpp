// SPDX-License-Identifier: Apache-2.0
#include "xml_annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstring>

namespace flowrun::wsi {
namespace {

[[noreturn]] void no_xml(const pugi::xml_parse_result& result) {
  std::string problem = result.description();
  problem[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(problem[0])));
  throw Malformed(static_cast<std::size_t>(std::max<std::ptrdiff_t>(result.offset, 0)),
                  fmt::format("{}; this is no whole XML file: save the annotations again", problem));
}

/// pugixml expands none, so that names with them would be wrong.
void refuse_entities(const pugi::xml_document& document) {
  for (const pugi::xml_node node : document.children())
    if (node.type() == pugi::node_doctype && std::strstr(node.value(), "<!ENTITY"))
      throw Malformed(static_cast<std::size_t>(std::max<std::ptrdiff_t>(node.offset_debug(), 0)),
                      "the file defines entities; annotations have none: remove the DOCTYPE");
}

}  // namespace

AnnotationFile parse_xml(std::string& text) {
  pugi::xml_document document;
  const auto result = document.load_buffer_inplace(
      text.data(), text.size(), pugi::parse_minimal | pugi::parse_escapes | pugi::parse_doctype,
      pugi::encoding_utf8);
  if (!result) no_xml(result);
  refuse_entities(document);
  const pugi::xml_node root = document.document_element();
  const std::string_view name = root.name();
  AnnotationBuilder builder;
  if (name == "Annotations")
    add_imagescope(root, builder);
  else if (name == "ASAP_Annotations")
    add_asap(root, builder);
  else
    throw Malformed(
        static_cast<std::size_t>(root.offset_debug()),
        fmt::format("the root element is {}; annotations begin with Annotations (ImageScope, HALO) or "
                    "ASAP_Annotations (ASAP)",
                    in_quotes(name)));
  return builder.finish();
}

}  // namespace flowrun::wsi
