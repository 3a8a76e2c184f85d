// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/error.h>

#include "nodes/mask/annotation_file.h"
#include "support.h"

namespace flowrun::test {

using namespace flowrun::wsi;
using Ring = std::vector<cv::Point2d>;
using Names = std::vector<std::string>;
using Rgb = std::array<std::uint8_t, 3>;

inline AnnotationFile read(const std::string& text) {
  return parse_annotations(text, "a");
}

/// What is said of a file that is refused.
inline std::string refused(const std::string& text) {
  try {
    read(text);
  } catch (const Error& problem) {
    return problem.what();
  }
  return "accepted";
}

inline Names names_of(const AnnotationFile& file) {
  Names names;
  for (const auto& region : file.regions)
    names.push_back(region.hole ? "hole" : file.classes[region.of_class].name);
  return names;
}

inline std::string corpus(const std::string& name) {
  return read_file(std::string(FLOWRUN_SOURCE) + "/tests/fuzz/corpus/" + name);
}

inline std::string vertices(const std::string& first_x) {
  return "<Annotations>\n<Annotation Name=\"t\"><Regions><Region><Vertices>\n<Vertex X=\"" + first_x +
         "\" Y=\"1\"/><Vertex X=\"5\" Y=\"1\"/><Vertex X=\"5\" Y=\"9\"/>\n"
         "</Vertices></Region></Regions></Annotation></Annotations>";
}

inline std::string feature(const std::string& geometry) {
  return R"({"type": "Feature", "geometry": )" + geometry + "}";
}

}  // namespace flowrun::test
