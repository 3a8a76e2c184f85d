// SPDX-License-Identifier: Apache-2.0
#include "annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <pugixml.hpp>
#include <vector>

namespace flowrun::wsi::synth {
namespace {

class StringWriter final : public pugi::xml_writer {
 public:
  void write(const void* data, std::size_t size) override {
    text.append(static_cast<const char*>(data), size);
  }
  std::string text;
};

void set(pugi::xml_node node, const char* name, const std::string& value) {
  node.append_attribute(name).set_value(value.c_str());
}

std::string number(double value) {
  return fmt::format("{:.2f}", value);
}

/// As many as keep the polygon within a pixel or so of the curve.
int vertex_count(const Outline& outline) {
  const Rect bounds = outline.bounds();
  const double size = std::max(bounds.right - bounds.left, bounds.bottom - bounds.top);
  return static_cast<int>(std::clamp(size / 16.0, 128.0, 1024.0));
}

double length_of(const std::vector<Point>& polygon) {
  double sum = 0.0;
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const Point& next = polygon[(i + 1) % polygon.size()];
    sum += std::hypot(next.x - polygon[i].x, next.y - polygon[i].y);
  }
  return sum;
}

void add_region(pugi::xml_node regions, int id, const Outline& outline, bool negative, double mpp) {
  const std::vector<Point> polygon = outline.polygon(vertex_count(outline));
  pugi::xml_node region = regions.append_child("Region");
  set(region, "Id", std::to_string(id));
  set(region, "Type", "0");
  set(region, "Zoom", "1");
  set(region, "Selected", "0");
  set(region, "ImageLocation", "");
  set(region, "ImageFocus", "-1");
  set(region, "Length", number(length_of(polygon)));
  set(region, "Area", number(outline.area()));
  set(region, "LengthMicrons", number(length_of(polygon) * mpp));
  set(region, "AreaMicrons", number(outline.area() * mpp * mpp));
  set(region, "Text", "");
  set(region, "NegativeROA", negative ? "1" : "0");
  set(region, "InputRegionId", "0");
  set(region, "Analyze", negative ? "0" : "1");
  set(region, "DisplayId", std::to_string(id));
  region.append_child("Attributes");
  pugi::xml_node vertices = region.append_child("Vertices");
  for (const Point& point : polygon) {
    pugi::xml_node vertex = vertices.append_child("Vertex");
    set(vertex, "X", number(point.x));
    set(vertex, "Y", number(point.y));
    set(vertex, "Z", "0");
  }
}

/// `colour` as ImageScope has it: blue * 65536 + green * 256 + red.
void add_annotation(pugi::xml_node root, int id, const char* name, int colour, Material kind,
                    const Scene& scene, double mpp) {
  pugi::xml_node annotation = root.append_child("Annotation");
  set(annotation, "Id", std::to_string(id));
  set(annotation, "Name", name);
  set(annotation, "ReadOnly", "0");
  set(annotation, "NameReadOnly", "0");
  set(annotation, "LineColorReadOnly", "0");
  set(annotation, "Incremental", "0");
  set(annotation, "Type", "4");
  set(annotation, "LineColor", std::to_string(colour));
  set(annotation, "Visible", "1");
  set(annotation, "Selected", id == 1 ? "1" : "0");
  annotation.append_child("Attributes");
  pugi::xml_node regions = annotation.append_child("Regions");
  int region = 0;
  for (const Island& island : scene.islands) {
    if (island.kind != kind) continue;
    add_region(regions, ++region, island.border, false, mpp);
    if (island.hole) add_region(regions, ++region, *island.hole, true, mpp);
  }
  annotation.append_child("Plots");
}

}  // namespace

std::string annotations_xml(const Scene& scene, double mpp) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("Annotations");
  set(root, "MicronsPerPixel", fmt::format("{}", mpp));
  add_annotation(root, 1, "tumor", 255, Material::tumor, scene, mpp);
  add_annotation(root, 2, "stroma", 65280, Material::stroma, scene, mpp);
  StringWriter writer;
  document.save(writer, "\t", pugi::format_default, pugi::encoding_utf8);
  return writer.text;
}

}  // namespace flowrun::wsi::synth
