// SPDX-License-Identifier: Apache-2.0
#include "nodes/synth/synth.h"

#include <doctest/doctest.h>
#include <openslide/openslide.h>
#include <tiffio.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>
#include <pugixml.hpp>
#include <random>
#include <string>
#include <vector>

#include "nodes/synth/outline.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

namespace fs = std::filesystem;

struct Colour {
  double red = 0.0;
  double green = 0.0;
  double blue = 0.0;

  /// Glass is grey; anything stained lacks green.
  bool stained() const { return std::max({red, green, blue}) - std::min({red, green, blue}) > 8.0; }
  bool glass() const { return std::min({red, green, blue}) > 235.0 && !stained(); }
};

/// A slide through OpenSlide's C interface.
class OpenedSlide {
 public:
  explicit OpenedSlide(const fs::path& path) : slide_(openslide_open(path.c_str())) {
    REQUIRE(slide_ != nullptr);
    check();
  }

  std::string property(const char* name) const {
    const char* value = openslide_get_property_value(slide_.get(), name);
    return value == nullptr ? "(none)" : value;
  }
  int levels() const { return openslide_get_level_count(slide_.get()); }
  double downsample(int level) const { return openslide_get_level_downsample(slide_.get(), level); }
  std::pair<std::int64_t, std::int64_t> size(int level) const {
    std::pair<std::int64_t, std::int64_t> out;
    openslide_get_level_dimensions(slide_.get(), level, &out.first, &out.second);
    return out;
  }
  /// From a place in level-0 pixels; opaque pixels only.
  std::vector<Colour> read(std::int64_t x, std::int64_t y, int level, int width, int height) const {
    std::vector<std::uint32_t> argb(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
    openslide_read_region(slide_.get(), argb.data(), x, y, level, width, height);
    check();
    std::vector<Colour> out;
    for (const std::uint32_t pixel : argb) {
      if ((pixel >> 24) != 255) FAIL("a pixel is not opaque");
      out.push_back({double((pixel >> 16) & 255), double((pixel >> 8) & 255), double(pixel & 255)});
    }
    return out;
  }
  Colour mean(std::int64_t x, std::int64_t y, int level, int side) const {
    Colour sum;
    for (const Colour& colour : read(x, y, level, side, side)) {
      sum.red += colour.red / (side * side);
      sum.green += colour.green / (side * side);
      sum.blue += colour.blue / (side * side);
    }
    return sum;
  }

 private:
  struct Close {
    void operator()(openslide_t* slide) const { openslide_close(slide); }
  };
  void check() const {
    const char* error = openslide_get_error(slide_.get());
    const std::string text = error == nullptr ? "" : error;
    REQUIRE(text == "");
  }
  std::unique_ptr<openslide_t, Close> slide_;
};

struct Region {
  std::string annotation;
  bool negative = false;
  std::vector<synth::Point> polygon;
};

std::vector<Region> read_annotations(const fs::path& path) {
  pugi::xml_document document;
  REQUIRE(document.load_file(path.c_str()));
  std::vector<Region> out;
  for (const pugi::xml_node annotation : document.child("Annotations").children("Annotation")) {
    for (const pugi::xml_node region : annotation.child("Regions").children("Region")) {
      out.push_back(
          {annotation.attribute("Name").value(), region.attribute("NegativeROA").as_int() == 1, {}});
      for (const pugi::xml_node vertex : region.child("Vertices").children("Vertex"))
        out.back().polygon.push_back({vertex.attribute("X").as_double(), vertex.attribute("Y").as_double()});
    }
  }
  return out;
}

bool contains(const std::vector<synth::Point>& polygon, synth::Point at) {
  bool inside = false;
  for (std::size_t i = 0, j = polygon.size() - 1; i < polygon.size(); j = i++) {
    const synth::Point a = polygon[i];
    const synth::Point b = polygon[j];
    if ((a.y > at.y) != (b.y > at.y) && at.x < (b.x - a.x) * (at.y - a.y) / (b.y - a.y) + a.x)
      inside = !inside;
  }
  return inside;
}

double distance_to(const std::vector<synth::Point>& polygon, synth::Point at) {
  double least = std::numeric_limits<double>::max();
  for (std::size_t i = 0, j = polygon.size() - 1; i < polygon.size(); j = i++) {
    const synth::Point a = polygon[j];
    const synth::Point edge{polygon[i].x - a.x, polygon[i].y - a.y};
    const double length = edge.x * edge.x + edge.y * edge.y;
    const double t = std::clamp(((at.x - a.x) * edge.x + (at.y - a.y) * edge.y) / length, 0.0, 1.0);
    least = std::min(least, std::hypot(at.x - a.x - t * edge.x, at.y - a.y - t * edge.y));
  }
  return least;
}

bool in_tissue(const std::vector<Region>& regions, synth::Point at) {
  bool inside = false;
  for (const Region& region : regions) {
    if (contains(region.polygon, at)) inside = !region.negative;
  }
  return inside;
}

double distance_to_any(const std::vector<Region>& regions, synth::Point at) {
  double least = std::numeric_limits<double>::max();
  for (const Region& region : regions) least = std::min(least, distance_to(region.polygon, at));
  return least;
}

SynthOptions small(std::int64_t width, std::int64_t height) {
  SynthOptions options;
  options.width = width;
  options.height = height;
  return options;
}

int count_warning(TIFF*, void* count, const char*, const char*, va_list) {
  ++*static_cast<int*>(count);
  return 1;
}

}  // namespace

TEST_CASE("synthetic slide: OpenSlide reads size, levels, resolution and power") {
  const TemporaryFolder folder;
  write_synthetic_slide(folder / "a.svs", small(1500, 1100));
  const OpenedSlide slide(folder / "a.svs");
  CHECK(slide.property("openslide.vendor") == "aperio");
  CHECK(slide.property("openslide.mpp-x") == "0.5");
  CHECK(slide.property("openslide.mpp-y") == "0.5");
  CHECK(slide.property("openslide.objective-power") == "20");
  CHECK(slide.property("openslide.level[0].tile-width") == "256");
  REQUIRE(slide.levels() == 2);
  CHECK(slide.size(0) == std::pair<std::int64_t, std::int64_t>{1500, 1100});
  CHECK(slide.size(1) == std::pair<std::int64_t, std::int64_t>{375, 275});
  CHECK(slide.downsample(1) == doctest::Approx(4.0));
}

TEST_CASE("synthetic slide: the objective power follows from the resolution") {
  const TemporaryFolder folder;
  const std::vector<std::array<std::string, 3>> cases = {{"0.25", "0.25", "40"},
                                                         {"0.499", "0.499", "20"},
                                                         {"1", "1", "10"},
                                                         {"40", "40", "1"},
                                                         {"0.001", "0.001", "10000"}};
  for (const auto& [mpp, shown, power] : cases) {
    SynthOptions options = small(200, 100);
    options.mpp = std::stod(mpp);
    write_synthetic_slide(folder / "a.svs", options);
    const OpenedSlide slide(folder / "a.svs");
    CHECK(slide.property("openslide.mpp-x") == shown);
    CHECK(slide.property("openslide.objective-power") == power);
  }
}

TEST_CASE("synthetic slide: odd sizes open and read to the last pixel") {
  const TemporaryFolder folder;
  const std::vector<std::pair<std::int64_t, std::int64_t>> sizes = {{1, 1},   {300, 2000}, {1000, 777},
                                                                    {257, 1}, {3, 1025},   {256, 256}};
  for (const auto& [width, height] : sizes) {
    CAPTURE(width);
    CAPTURE(height);
    write_synthetic_slide(folder / "a.svs", small(width, height));
    const OpenedSlide slide(folder / "a.svs");
    CHECK(slide.property("openslide.vendor") == "aperio");
    for (int level = 0; level < slide.levels(); ++level) {
      const auto [columns, rows] = slide.size(level);
      CHECK(slide.read(0, 0, level, static_cast<int>(columns), static_cast<int>(rows)).size() ==
            static_cast<std::size_t>(columns * rows));
    }
    CHECK(slide.size(0) == std::pair{width, height});
  }
}

TEST_CASE("synthetic slide: libtiff reads every directory without a warning") {
  const TemporaryFolder folder;
  SynthOptions options = small(1100, 300);
  options.tile = 128;
  write_synthetic_slide(folder / "a.svs", options);
  int complaints = 0;
  TIFFOpenOptions* handlers = TIFFOpenOptionsAlloc();
  TIFFOpenOptionsSetErrorHandlerExtR(handlers, count_warning, &complaints);
  TIFFOpenOptionsSetWarningHandlerExtR(handlers, count_warning, &complaints);
  TIFF* tiff = TIFFOpenExt((folder / "a.svs").c_str(), "r", handlers);
  TIFFOpenOptionsFree(handlers);
  REQUIRE(tiff != nullptr);
  std::vector<std::uint32_t> pixels(128 * 128);
  int directories = 0;
  do {
    ++directories;
    CHECK(TIFFReadRGBATile(tiff, 0, 0, pixels.data()) == 1);
    CHECK(TIFFReadRGBATile(tiff, 256, 0, pixels.data()) == 1);
  } while (TIFFReadDirectory(tiff) == 1);
  TIFFClose(tiff);
  CHECK(directories == 2);
  CHECK(complaints == 0);
}

TEST_CASE("synthetic slide: annotations agree with what is stained, on the first and the last level") {
  const TemporaryFolder folder;
  SynthOptions options = small(2000, 1500);
  options.annotations = folder / "a.xml";
  options.seed = 7;
  write_synthetic_slide(folder / "a.svs", options);
  const std::vector<Region> regions = read_annotations(folder / "a.xml");
  CHECK(std::count_if(regions.begin(), regions.end(), [](const Region& r) { return r.negative; }) == 1);
  CHECK(std::any_of(regions.begin(), regions.end(), [](const Region& r) { return r.annotation == "tumor"; }));
  CHECK(
      std::any_of(regions.begin(), regions.end(), [](const Region& r) { return r.annotation == "stroma"; }));
  for (const Region& region : regions) CHECK(region.polygon.size() >= 100);

  const OpenedSlide slide(folder / "a.svs");
  const int last = slide.levels() - 1;
  std::mt19937 random(1);
  int tissue = 0;
  int glass = 0;
  for (int i = 0; i < 600; ++i) {
    const synth::Point at{20 + static_cast<double>(random() % 1960), 20 + static_cast<double>(random() % 1460)};
    if (distance_to_any(regions, at) < 24.0) continue;
    const bool inside = in_tissue(regions, at);
    ++(inside ? tissue : glass);
    const Colour near = slide.mean(std::lround(at.x) - 5, std::lround(at.y) - 5, 0, 11);
    const Colour far = slide.mean(std::lround(at.x) - 4, std::lround(at.y) - 4, last, 2);
    CAPTURE(at.x);
    CAPTURE(at.y);
    CHECK(near.stained() == inside);
    CHECK(near.glass() != inside);
    CHECK(far.stained() == inside);
    CHECK(far.glass() != inside);
  }
  CHECK(tissue > 100);
  CHECK(glass > 100);

  const auto hole = std::find_if(regions.begin(), regions.end(), [](const Region& r) { return r.negative; });
  synth::Point middle;
  for (const synth::Point& point : hole->polygon) {
    middle.x += point.x / static_cast<double>(hole->polygon.size());
    middle.y += point.y / static_cast<double>(hole->polygon.size());
  }
  CHECK(slide.mean(std::lround(middle.x), std::lround(middle.y), 0, 1).glass());
  CHECK(slide.mean(std::lround(middle.x), std::lround(middle.y), last, 1).glass());
}

TEST_CASE("synthetic slide: a level is the mean of the one before, borders included") {
  const TemporaryFolder folder;
  SynthOptions options = small(1400, 1200);
  options.quality = 95;
  write_synthetic_slide(folder / "a.svs", options);
  const OpenedSlide slide(folder / "a.svs");
  const auto [columns, rows] = slide.size(1);
  const auto fine = slide.read(0, 0, 0, 1400, 1200);
  const auto coarse = slide.read(0, 0, 1, static_cast<int>(columns), static_cast<int>(rows));
  double difference = 0.0;
  double largest = 0.0;
  for (std::int64_t y = 0; y < rows; ++y) {
    for (std::int64_t x = 0; x < columns; ++x) {
      double green = 0.0;
      for (int i = 0; i < 16; ++i)
        green += fine[static_cast<std::size_t>((4 * y + i / 4) * 1400 + 4 * x + i % 4)].green / 16;
      const double error = std::abs(green - coarse[static_cast<std::size_t>(y * columns + x)].green);
      difference += error / static_cast<double>(rows * columns);
      largest = std::max(largest, error);
    }
  }
  CHECK(difference < 2.0);
  CHECK(largest < 40.0);  // a border a pixel off would be some 100
}
