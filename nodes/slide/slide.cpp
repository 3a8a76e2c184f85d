// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <flowrun/wsi/slide.h>
#include <fmt/format.h>
#include <openslide/openslide.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "icc_reader.h"
#include "jpeg2000_check.h"
#include "mpp.h"
#include "nodes/image/tiff_sizes.h"
#include "readers.h"
#include "tiff_levels.h"

namespace flowrun::wsi {
namespace {

namespace fs = std::filesystem;

std::optional<double> number_property(openslide_t* slide, const char* name) {
  const char* text = openslide_get_property_value(slide, name);
  return text ? positive_number(text) : std::nullopt;
}

std::array<std::uint8_t, 3> background_of(openslide_t* slide) {
  const char* hex = openslide_get_property_value(slide, OPENSLIDE_PROPERTY_NAME_BACKGROUND_COLOR);
  unsigned rgb = 0xffffff;
  if (hex) std::from_chars(hex, hex + std::string_view(hex).size(), rgb, 16);
  return {static_cast<std::uint8_t>(rgb >> 16), static_cast<std::uint8_t>(rgb >> 8),
          static_cast<std::uint8_t>(rgb)};
}

/// Of plain TIFFs the tags are asked: what OpenSlide makes of them differs between its versions.
std::optional<double> mpp_of(openslide_t* slide, std::string_view vendor, std::vector<std::string>& notes) {
  const auto x = number_property(slide, OPENSLIDE_PROPERTY_NAME_MPP_X);
  const auto y = number_property(slide, OPENSLIDE_PROPERTY_NAME_MPP_Y);
  if (x && y && vendor != "generic-tiff") {
    doubt_mpp(*x, *y, notes);
    return (*x + *y) / 2;
  }
  const char* unit = openslide_get_property_value(slide, "tiff.ResolutionUnit");
  const auto across = number_property(slide, "tiff.XResolution");
  const auto down = number_property(slide, "tiff.YResolution");
  return unit && across && down ? mpp_of_resolution(*across, *down, unit, notes) : std::nullopt;
}

cv::Rect2d bounds_of(openslide_t* slide, const Level& base) {
  const auto get = [&](const char* name) { return number_property(slide, name); };
  const auto width = get(OPENSLIDE_PROPERTY_NAME_BOUNDS_WIDTH),
             height = get(OPENSLIDE_PROPERTY_NAME_BOUNDS_HEIGHT);
  if (!width || !height) return {0, 0, static_cast<double>(base.width), static_cast<double>(base.height)};
  return {get(OPENSLIDE_PROPERTY_NAME_BOUNDS_X).value_or(0),
          get(OPENSLIDE_PROPERTY_NAME_BOUNDS_Y).value_or(0), *width, *height};
}

/// OpenSlide decodes whole tiles, of whatever size a header says; of TIFFs check_tiff_sizes() looks.
constexpr double largest_dicom_tile = 4096;

std::vector<Level> levels_of(openslide_t* slide, std::string_view vendor, const fs::path& path) {
  std::vector<Level> levels(static_cast<std::size_t>(openslide_get_level_count(slide)));
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const auto level = static_cast<int>(i);
    openslide_get_level_dimensions(slide, level, &levels[i].width, &levels[i].height);
    levels[i].downsample = openslide_get_level_downsample(slide, level);
    const auto tile = [&](const char* side) {
      const auto pixels = number_property(slide, fmt::format("openslide.level[{}].tile-{}", i, side).c_str());
      if (vendor == "dicom" && pixels > largest_dicom_tile)
        throw Error(fmt::format(
            "{}: level {} has tiles of {} pixels a side, which are read whole; expected {} at most",
            path.string(), i, *pixels, largest_dicom_tile));
      return static_cast<int>(std::clamp(pixels.value_or(256), 1.0, 4096.0));
    };
    levels[i].tile_width = tile("width");
    levels[i].tile_height = tile("height");
  }
  return levels;
}

void check_file(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) throw Error(fmt::format("{}: there is no such file", path.string()));
  if (fs::is_regular_file(path, ignored) && fs::file_size(path, ignored) == 0)
    throw Error(fmt::format("{}: the file is empty", path.string()));
}

SlideFacts openslide_facts(openslide_t* slide, const fs::path& path) {
  SlideFacts facts;
  facts.vendor = openslide_get_property_value(slide, OPENSLIDE_PROPERTY_NAME_VENDOR);
  facts.levels = levels_of(slide, facts.vendor, path);
  if (facts.levels.empty()) throw Error(fmt::format("{}: the slide has no levels", path.string()));
  facts.mpp = mpp_of(slide, facts.vendor, facts.notes);
  facts.objective_power = number_property(slide, OPENSLIDE_PROPERTY_NAME_OBJECTIVE_POWER);
  facts.background = background_of(slide);
  facts.bounds = bounds_of(slide, facts.levels.front());
  return facts;
}

/// The reader, or null when OpenSlide is to read and may.
std::shared_ptr<PixelReader> direct_reader(const std::shared_ptr<const SlideFacts>& facts,
                                           const std::vector<TiffPage>& pages, Backend backend) {
  if (backend == Backend::openslide) return nullptr;
  try {
    return open_tiff_reader(facts, pages);
  } catch (const Error&) {
    if (backend == Backend::tiff) throw;
    return nullptr;
  }
}

/// `reader` in sRGB, which the facts then say; a slide without a profile is noted.
std::shared_ptr<PixelReader> in_srgb(SlideFacts& facts, std::shared_ptr<PixelReader> reader) {
  const std::vector<std::uint8_t> profile = icc_profile_of(facts);
  if (profile.empty()) {
    facts.notes.emplace_back("no ICC profile was found: its colours are those that the file stores");
    return reader;
  }
  facts.color = Color::icc;
  return icc_reader(facts, profile, std::move(reader));
}

}  // namespace

std::optional<double> positive_number(std::string_view text) {
  double number = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = problem == std::errc() && rest == text.data() + text.size();
  return whole && number > 0 && std::isfinite(number) ? std::optional(number) : std::nullopt;
}

double SlideFacts::mpp_or_throw() const {
  if (mpp) return *mpp;
  throw Error(
      fmt::format("{}: the slide does not say its microns per pixel; give `mpp:` to the node that reads it, "
                  "or choose by level",
                  path.string()));
}

double SlideFacts::objective_power_or_throw() const {
  if (objective_power) return *objective_power;
  throw Error(
      fmt::format("{}: the slide does not say its objective power; choose by mpp or level", path.string()));
}

Slide::Slide(std::shared_ptr<const SlideFacts> facts, std::shared_ptr<PixelReader> reader)
    : facts_(std::move(facts)), reader_(std::move(reader)) {}

Slide Slide::open(const fs::path& path, std::string name, const SlideOptions& options) {
  const Backend backend = options.backend;
  check_file(path);
  const std::vector<TiffPage> pages = tiff_pages(path);
  const auto completed = [&](SlideFacts facts) {
    facts.path = path;
    facts.name = name;
    facts.patient = options.patient;
    if (options.mpp) {
      facts.mpp = options.mpp;
      facts.notes.clear();  // they are of the MPP that the file says
      doubt_mpp(*options.mpp, *options.mpp, facts.notes);
    }
    check_levels(facts, pages);
    return std::make_shared<SlideFacts>(std::move(facts));
  };
  const auto slide = [&](const std::shared_ptr<SlideFacts>& facts, std::shared_ptr<PixelReader> reader) {
    if (options.color == Color::icc) reader = in_srgb(*facts, std::move(reader));
    return Slide(facts, std::move(reader));
  };
  if (backend != Backend::openslide)
    if (auto of_file = aperio_facts(pages)) {
      const auto facts = completed(*std::move(of_file));
      if (auto reader = direct_reader(facts, pages, Backend::automatic))
        return slide(facts, std::move(reader));
    }
  check_tiff_sizes(path);
  check_first_jpeg2000_tiles(path, pages);
  OpenSlideHandle handle = open_handle(path);
  const auto facts = completed(openslide_facts(handle.get(), path));
  auto reader = direct_reader(facts, pages, backend);
  if (!reader) reader = openslide_reader(facts, pages, std::move(handle));
  return slide(facts, std::move(reader));
}

int Slide::level_for(double downsample) const {
  int best = 0;
  for (int i = 1; i < level_count(); ++i)
    if (level(i).downsample <= downsample * 1.005) best = i;
  return best;
}

}  // namespace flowrun::wsi
