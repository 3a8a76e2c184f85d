// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <opencv2/core/types.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nodes/base/out_file.h"

namespace flowrun::wsi {

/// What QuPath knows of an object besides its outline.
struct GeoObject {
  std::string id;                     ///< a UUID: see content_uuid
  std::string type = "annotation";    ///< or "detection", or "tile"
  std::string class_name;             ///< empty: none
  std::array<std::uint8_t, 3> rgb{};  ///< of the class
  std::string name;                   ///< shown beside it; empty: none
  std::vector<std::pair<std::string, double>> measurements = {};
  std::optional<std::array<std::uint8_t, 3>> own_rgb = {};  ///< of the object, before that of its class
  std::optional<std::int64_t> tissue_id = {};               ///< as TRIDENT numbers pieces of tissue
};

/// Writes a GeoJSON FeatureCollection (RFC 7946) as QuPath reads it, feature by feature: a polygon each, or
/// several. Coordinates are level-0 pixels with two decimals at most, y downwards. Nothing but a buffer is
/// held. Exterior rings that are given counter-clockwise as numbers go, clockwise on screen, are what the RFC
/// (3.1.6) asks for. Throws Error as OutFile does. Not thread-safe.
///
///   file.begin(object, 1);
///   file.polygon(outer, holes, scale_x, scale_y);  // so many times
///   file.end();
class GeoJsonFile {
 public:
  /// `origin`: level-0 pixels of the slide that the coordinates written count from.
  explicit GeoJsonFile(const std::filesystem::path& file, cv::Point2d origin = {});
  /// Begins a feature of so many polygons, at least one.
  void begin(const GeoObject& object, std::size_t polygons = 1);
  /// Rings of points with x and y, without the first point repeated at the end; each is multiplied by the
  /// scale.
  template <class Ring>
  void polygon(const Ring& outer, const std::vector<Ring>& holes, double scale_x = 1, double scale_y = 1) {
    if (written_++ > 0) text_ += ',';
    text_ += '[';
    ring(outer, scale_x, scale_y);
    for (const Ring& hole : holes) {
      text_ += ',';
      ring(hole, scale_x, scale_y);
    }
    text_ += ']';
  }
  void end();
  /// A whole feature: a square with its upper left corner, level-0 pixels.
  void square(const GeoObject& object, std::int64_t x, std::int64_t y, double side);
  /// Ends the collection and the file.
  void close();

 private:
  template <class Ring>
  void ring(const Ring& points, double scale_x, double scale_y) {
    text_ += '[';
    for (const auto& p : points) {
      position(p.x * scale_x, p.y * scale_y);
      text_ += ',';
    }
    if (!points.empty()) position(points[0].x * scale_x, points[0].y * scale_y);
    text_ += ']';
  }
  void position(double x, double y);
  void flush();

  OutFile file_;
  cv::Point2d origin_;
  std::string text_;  // not yet written
  bool first_ = true;
  std::size_t polygons_ = 0;  // of the feature
  std::size_t written_ = 0;   // of them
};

/// The values of an option `origin`, and where coordinates count from with each: the corner of the slide's
/// bounds, where QuPath's do, or of the whole slide. A slide of a test may be null.
inline const std::vector<std::string> geojson_origins{"bounds", "slide"};
constexpr const char* geojson_origin_help =
    "where coordinates count from: the corner of the slide's bounds, as QuPath shows a slide that has them "
    "(openslide.bounds-x, -y: Leica SCN, MIRAX), or of the whole slide";
cv::Point2d geojson_origin(const std::string& option, const SlideFacts* slide);

/// A UUID of version 5 (RFC 4122): the same content gives the same.
std::string content_uuid(std::string_view content);

/// A colour for a class that has none: the same name gets the same, one of eight that the colour-blind can
/// tell apart (Okabe and Ito, 2008).
std::array<std::uint8_t, 3> colour_of_name(std::string_view name);

}  // namespace flowrun::wsi
