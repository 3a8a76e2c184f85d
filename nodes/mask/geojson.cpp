// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "annotation_builder.h"
#include "coordinates.h"

namespace flowrun::wsi {
namespace {

using Json = nlohmann::json;

constexpr std::size_t deepest = 64;
constexpr const char* what_is_right =
    "QuPath writes a FeatureCollection, a Feature, or a list of Features (RFC 7946)";

bool is_geometry(std::string_view type) {
  constexpr std::string_view types[]{"Point",   "MultiPoint",   "LineString",        "MultiLineString",
                                     "Polygon", "MultiPolygon", "GeometryCollection"};
  return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

/// Bytes that tell how far they have been read, for messages.
struct Cursor {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at;
  const char** seen;
  reference operator*() const { return *at; }
  Cursor& operator++() {
    *seen = ++at;
    return *this;
  }
  bool operator==(const Cursor& other) const { return at == other.at; }
  bool operator!=(const Cursor& other) const { return at != other.at; }
};

struct Feature {
  std::string type, name, class_name, class_names;
  std::vector<std::int64_t> rgb;
  bool has_geometry = false;
  std::vector<std::vector<Coordinates::Ring>> polygons;  // of all its geometries
};

/// An object that is a geometry, or a feature: which of the two is known at its end.
struct Geometry {
  std::size_t depth;  // frames around it
  std::string type = {};
  Coordinates coordinates = {};
  bool has_parts = false;  // of a collection
};

/// Takes the file as it is read: it is never in memory as a tree.
class Handler final : public nlohmann::json_sax<Json> {
 public:
  Handler(const char* begin, const char* const& at) : begin_(begin), at_(at) {}

  AnnotationFile finish() {
    AnnotationFile file = builder_.finish();
    file.geojson = true;
    return file;
  }

  bool null() override { return no_value_here("null"); }
  bool boolean(bool) override { return no_value_here("true or false"); }
  bool number_integer(std::int64_t value) override { return number(static_cast<double>(value)); }
  bool number_unsigned(std::uint64_t value) override { return number(static_cast<double>(value)); }
  bool number_float(double value, const std::string&) override { return number(value); }
  bool binary(binary_t&) override { return true; }

  bool string(std::string& value) override {
    no_value_here("a text");
    if (frames_.size() == 1 && frames_[0].key == "type") root_type_ = value;
    if (!in_feature_) return true;
    if (at({"type"})) feature_.type = value;
    if (in_geometry("type"))
      geometries_.back().type = std::move(value);
    else if (at({"properties", "name"}))
      feature_.name = std::move(value);
    else if (at({"properties", "classification", "name"}))
      feature_.class_name = std::move(value);
    else if (in_list({"properties", "classification", "names"}))
      feature_.class_names += (feature_.class_names.empty() ? "" : ": ") + value;
    return true;
  }
  bool start_object(std::size_t) override {
    if (is_feature()) {
      base_ = frames_.size();
      in_feature_ = true;
      feature_ = {};
      geometries_.assign(1, {base_});
    } else if (at({"geometry"}) || in_collection()) {
      geometries_.push_back({frames_.size()});
    } else {
      no_value_here("an object");
    }
    return push(false);
  }
  bool key(std::string& value) override {
    frames_.back().key = std::move(value);
    return true;
  }
  bool end_object() override {
    frames_.pop_back();
    if (in_feature_ && geometries_.back().depth == frames_.size()) end_geometry();
    if (frames_.empty())
      end_root();
    else if (in_feature_ && frames_.size() == base_)
      end_feature();
    return true;
  }
  bool start_array(std::size_t) override {
    if (in_coordinates() || in_geometry("coordinates")) {
      Coordinates& coordinates = geometries_.back().coordinates;
      if (!coordinates.open()) coordinates = {};
      check(coordinates.begin());
    } else if (frames_.empty() || at_features()) {
      lists_features_ = true;
    } else {
      no_value_here("a list");
    }
    return push(true);
  }
  bool end_array() override {
    if (in_coordinates()) check(geometries_.back().coordinates.end());
    frames_.pop_back();
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& problem) override {
    std::string words = problem.what();
    words = words.substr(std::min(words.find("] ") + 2, words.size()));
    if (const auto syntax = words.find("syntax error"); syntax != std::string::npos) words.erase(0, syntax);
    words = words.substr(0, words.find("; last read"));  // which may be no UTF-8
    throw Malformed(position > 0 ? position - 1 : 0,
                    fmt::format("{}; this is no whole JSON file: save the annotations again", words));
  }

 private:
  struct Frame {
    bool list;
    std::string key;  // of the object's entry that is being read
  };

  std::size_t offset() const {
    return static_cast<std::size_t>(std::max<std::ptrdiff_t>(at_ - begin_ - 1, 0));
  }
  void check(const char* problem) const {
    if (problem) throw Malformed(offset(), fmt::format("{}; coordinates are lists of [x, y]", problem));
  }

  bool push(bool list) {
    if (frames_.size() == deepest)
      throw Malformed(offset(), fmt::format("lists and objects are nested more than {} deep; {}", deepest,
                                            what_is_right));
    frames_.push_back({list, {}});
    return true;
  }
  /// Whether the value to come is this one of the feature.
  bool at(std::initializer_list<std::string_view> keys, std::size_t more = 0) const {
    return in_feature_ && frames_.size() == base_ + keys.size() + more &&
           std::equal(
               keys.begin(), keys.end(), frames_.begin() + static_cast<std::ptrdiff_t>(base_),
               [](std::string_view key, const Frame& frame) { return !frame.list && frame.key == key; });
  }
  bool in_list(std::initializer_list<std::string_view> keys) const {
    return at(keys, 1) && frames_.back().list;
  }
  bool at_features() const { return frames_.size() == 1 && !frames_[0].list && frames_[0].key == "features"; }
  bool is_feature() const {
    if (frames_.size() == 2) return !frames_[0].list && frames_[0].key == "features" && frames_[1].list;
    return frames_.empty() || (frames_.size() == 1 && frames_[0].list);
  }
  /// Whether the value to come is this one of a geometry.
  bool in_geometry(std::string_view key) const {
    return in_feature_ && frames_.size() == geometries_.back().depth + 1 && frames_.back().key == key;
  }
  bool in_collection() const {
    if (!in_feature_ || frames_.size() != geometries_.back().depth + 2 || !frames_.back().list) return false;
    return frames_[geometries_.back().depth].key == "geometries";
  }
  bool in_coordinates() const { return in_feature_ && geometries_.back().coordinates.open(); }

  /// Refuses a value that is neither a feature among features nor a number among coordinates.
  bool no_value_here(const char* found) const {
    if (!frames_.empty() && is_feature())
      throw Malformed(offset(), fmt::format("{} stands among features; {}", found, what_is_right));
    if (in_coordinates())
      throw Malformed(offset(), fmt::format("{} stands among coordinates; they are lists of [x, y]", found));
    return true;
  }
  bool number(double value) {
    if (!in_coordinates()) no_value_here("a number");
    if (in_coordinates())
      check(
          geometries_.back().coordinates.number(AnnotationBuilder::checked(value, "a coordinate", offset())));
    else if (in_list({"properties", "classification", "color"}))
      feature_.rgb.push_back(value >= 0 && value <= 255 ? static_cast<std::int64_t>(value) : -1);
    else if (at({"properties", "classification", "colorRGB"}) && value >= -2147483648.0 &&
             value < 4294967296.0) {
      // QuPath before 0.3: alpha, red, green, blue in one signed number.
      const auto packed = static_cast<std::int64_t>(value);
      feature_.rgb = {packed >> 16 & 255, packed >> 8 & 255, packed & 255};
    }
    return true;
  }

  void end_root() {
    if (feature_.type == "Feature" && !lists_features_) return end_feature();
    if (root_type_ != "FeatureCollection" || !lists_features_)
      throw Malformed(0, fmt::format("an object of type {} {}; {}", in_quotes(root_type_),
                                     lists_features_ ? "with features" : "without features", what_is_right));
  }

  void end_geometry() {
    Geometry geometry = std::move(geometries_.back());
    geometries_.pop_back();
    if (geometry.depth == base_) {
      geometries_.push_back({base_});  // there is one as long as there is a feature
      if (!is_geometry(geometry.type)) return;
      feature_.type = "Feature";  // without properties
    } else {
      geometries_.back().has_parts = true;
    }
    feature_.has_geometry = true;
    if (!is_geometry(geometry.type))
      return builder_.unknown(fmt::format("a geometry of type {}", in_quotes(geometry.type)));
    const bool many = geometry.type == "MultiPolygon";
    if (geometry.type == "GeometryCollection" && geometry.has_parts) return;
    if (!many && geometry.type != "Polygon") return builder_.no_area("geometry", in_quotes(geometry.type));
    const std::size_t depth = geometry.coordinates.position_depth();
    if (depth != 0 && depth != (many ? 4U : 3U))
      throw Malformed(offset(), fmt::format("the coordinates of a {} are nested {} deep; {} is right",
                                            geometry.type, depth, many ? 4 : 3));
    auto& polygons = geometry.coordinates.polygons();
    if (polygons.empty()) polygons.emplace_back();
    std::move(polygons.begin(), polygons.end(), std::back_inserter(feature_.polygons));
  }

  void end_feature() {
    in_feature_ = false;
    Feature feature = std::exchange(feature_, {});
    if (feature.type != "Feature")
      throw Malformed(offset(), fmt::format("among features is an object of type {}; {}",
                                            in_quotes(feature.type), what_is_right));
    if (!feature.has_geometry) builder_.no_area("geometry", "none");
    AnnotationBuilder::Colour colour;
    if (feature.rgb.size() == 3 && std::count(feature.rgb.begin(), feature.rgb.end(), -1) == 0)
      colour = {static_cast<std::uint8_t>(feature.rgb[0]), static_cast<std::uint8_t>(feature.rgb[1]),
                static_cast<std::uint8_t>(feature.rgb[2])};
    const std::string& of_class = !feature.class_name.empty() ? feature.class_name : feature.class_names;
    for (auto& polygon : feature.polygons)
      builder_.add(of_class.empty() ? feature.name : of_class, colour, {}, std::move(polygon));
  }

  const char* const begin_;
  const char* const& at_;
  AnnotationBuilder builder_;
  std::vector<Frame> frames_;  // around what is read
  std::string root_type_;
  bool lists_features_ = false;
  bool in_feature_ = false;
  std::size_t base_ = 0;  // frames around the feature
  Feature feature_;
  std::vector<Geometry> geometries_;  // around what is read, the feature first
};

}  // namespace

AnnotationFile parse_geojson(std::string_view text) {
  const char* seen = text.data();
  Handler handler(text.data(), seen);
  Json::sax_parse(Cursor{text.data(), &seen}, Cursor{text.data() + text.size(), &seen}, &handler);
  return handler.finish();
}

}  // namespace flowrun::wsi
