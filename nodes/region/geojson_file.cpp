// SPDX-License-Identifier: Apache-2.0
#include "geojson_file.h"

#include <fmt/format.h>

#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

namespace flowrun::wsi {
namespace {

constexpr std::size_t buffer_bytes = std::size_t{64} << 10;

std::string properties_of(const GeoObject& object) {
  nlohmann::ordered_json properties;
  properties["objectType"] = object.type;
  if (!object.name.empty()) properties["name"] = object.name;
  if (object.own_rgb) properties["color"] = *object.own_rgb;
  if (!object.class_name.empty())
    properties["classification"] = {{"name", object.class_name}, {"color", object.rgb}};
  if (object.tissue_id) properties["tissue_id"] = *object.tissue_id;
  for (const auto& [name, value] : object.measurements) properties["measurements"][name] = value;
  return properties.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

GeoJsonFile::GeoJsonFile(const std::filesystem::path& file, cv::Point2d origin)
    : file_(file), origin_(origin) {
  text_ = "{\"type\":\"FeatureCollection\",\"features\":[";
}

void GeoJsonFile::begin(const GeoObject& object, std::size_t polygons) {
  text_ += first_ ? "\n" : ",\n";
  text_ += fmt::format(
      "{{\"type\":\"Feature\",\"id\":\"{}\",\"properties\":{},"
      "\"geometry\":{{\"type\":\"{}\",\"coordinates\":{}",
      object.id, properties_of(object), polygons > 1 ? "MultiPolygon" : "Polygon", polygons > 1 ? "[" : "");
  first_ = false;
  polygons_ = polygons;
  written_ = 0;
}

void GeoJsonFile::end() {
  text_ += polygons_ > 1 ? "]}}" : "}}";
  flush();
}

void GeoJsonFile::square(const GeoObject& object, std::int64_t x, std::int64_t y, double side) {
  struct Point {
    double x, y;
  };
  const auto left = static_cast<double>(x), top = static_cast<double>(y);
  begin(object);
  polygon(std::vector<Point>{{left, top}, {left + side, top}, {left + side, top + side}, {left, top + side}},
          {});
  end();
}

void GeoJsonFile::close() {
  text_ += "\n]}\n";
  file_.write(text_);
  file_.close();
}

void GeoJsonFile::position(double x, double y) {
  const auto rounded = [](double value) { return std::round(value * 100) / 100 + 0.0; };  // no -0
  fmt::format_to(std::back_inserter(text_), "[{},{}]", rounded(x - origin_.x), rounded(y - origin_.y));
  flush();
}

void GeoJsonFile::flush() {
  if (text_.size() < buffer_bytes) return;
  file_.write(text_);
  text_.clear();
}

cv::Point2d geojson_origin(const std::string& option, const SlideFacts* slide) {
  return option == "bounds" && slide ? slide->bounds.tl() : cv::Point2d();
}

std::string content_uuid(std::string_view content) {
  static const boost::uuids::uuid names =
      boost::uuids::name_generator_sha1(boost::uuids::ns::oid())("flowrun");
  return to_string(boost::uuids::name_generator_sha1(names)(content.data(), content.size()));
}

std::array<std::uint8_t, 3> colour_of_name(std::string_view name) {
  constexpr std::array<std::array<std::uint8_t, 3>, 8> colours{{{230, 159, 0},
                                                                {86, 180, 233},
                                                                {0, 158, 115},
                                                                {240, 228, 66},
                                                                {0, 114, 178},
                                                                {213, 94, 0},
                                                                {204, 121, 167},
                                                                {0, 0, 0}}};
  std::uint32_t hash = 2166136261;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  return colours[hash % colours.size()];
}

}  // namespace flowrun::wsi
