// SPDX-License-Identifier: Apache-2.0
#include "class_values.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <utility>

#include "nodes/base/text.h"

namespace flowrun::wsi {
namespace {

using Rgb = std::array<std::uint8_t, 3>;

// Tableau's ten colours: apart from each other and from pink tissue.
constexpr std::array<Rgb, 10> palette{{{214, 39, 40},
                                       {31, 119, 180},
                                       {44, 160, 44},
                                       {255, 127, 14},
                                       {148, 103, 189},
                                       {140, 86, 75},
                                       {227, 119, 194},
                                       {127, 127, 127},
                                       {188, 189, 34},
                                       {23, 190, 207}}};

/// By lower-case name.
using Known = std::map<std::string, Class>;

Known known_classes(const ClassValues& classes, const AnnotationFile& file) {
  Known known;
  for (const auto& [name, value] : classes.values)
    known.try_emplace(lower(name), Class{name, static_cast<std::uint8_t>(value), {}});
  if (classes.values.empty())
    for (const auto& of_file : file.classes) {
      if (known.size() == 255 && !known.contains(lower(of_file.name)))
        throw Error(
            "the annotations have more than 255 class names, as many as a class mask holds; give those "
            "that matter in `classes`");
      known.try_emplace(lower(of_file.name),
                        Class{of_file.name, static_cast<std::uint8_t>(known.size() + 1), {}});
    }
  std::map<std::string, Rgb> colours;
  for (const auto& of_file : file.classes)
    if (of_file.rgb) colours.try_emplace(lower(of_file.name), *of_file.rgb);
  for (auto& [name, one] : known) {
    const auto colour = colours.find(name);
    one.rgb =
        colour != colours.end() ? colour->second : palette[(one.value + palette.size() - 1) % palette.size()];
  }
  return known;
}

/// When a class is drawn: 0 for those that are not in `order`.
using Turns = std::map<std::string, std::size_t>;

Turns turns_of(const std::vector<std::string>& order) {
  Turns turns;
  for (const std::string& name : order) turns.try_emplace(lower(name), turns.size() + 1);
  return turns;
}

/// No pixel of which is one of the slide's.
std::size_t regions_outside(const AnnotationFile& file, std::int64_t width, std::int64_t height) {
  const auto reaches = [&](const cv::Point2d& low, const cv::Point2d& high) {
    return high.x >= 0 && high.y >= 0 && low.x < static_cast<double>(width) &&
           low.y < static_cast<double>(height);
  };
  return static_cast<std::size_t>(
      std::count_if(file.regions.begin(), file.regions.end(), [&](const AnnotationFile::Region& region) {
        const auto& outer = region.rings.front();
        cv::Point2d low = outer.front(), high = low;
        for (const cv::Point2d& p : outer) {
          low = {std::min(low.x, p.x), std::min(low.y, p.y)};
          high = {std::max(high.x, p.x), std::max(high.y, p.y)};
        }
        return !reaches(low, high);
      }));
}

}  // namespace

ClassMask make_class_mask(AnnotationFile file, const ClassValues& classes, std::int64_t slide_width,
                          std::int64_t slide_height, std::vector<std::string>& notes) {
  notes.insert(notes.end(), file.notes.begin(), file.notes.end());
  if (file.regions.empty()) notes.emplace_back("the annotations have no regions");
  const Known known = known_classes(classes, file);
  std::vector<const Class*> of_file;  // null: left out
  for (const auto& one : file.classes) {
    const auto it = known.find(lower(one.name));
    of_file.push_back(it == known.end() ? nullptr : &it->second);
    if (of_file.back() || !classes.refuse_others) continue;
    throw Error(fmt::format(
        "a region is of class '{}', which `classes` does not have; add it, or say other: ignore", one.name));
  }
  std::vector<std::size_t> left_out(file.classes.size());
  std::erase_if(file.regions, [&](const auto& region) {
    if (region.hole || of_file[region.of_class]) return false;
    return ++left_out[region.of_class] > 0;
  });
  // What cuts comes last, so that it cuts wherever in the file it stands.
  const Turns turns = turns_of(classes.order);
  std::vector<std::size_t> turn_of(file.classes.size());
  for (std::size_t i = 0; i < turn_of.size(); ++i) {
    const auto turn = turns.find(lower(file.classes[i].name));
    turn_of[i] = of_file[i] && of_file[i]->value == 0 ? turns.size() + 1
                 : turn == turns.end()                ? 0
                                                      : turn->second;
  }
  const auto turn = [&](const auto& region) { return region.hole ? 0 : turn_of[region.of_class]; };
  std::stable_sort(file.regions.begin(), file.regions.end(),
                   [&](const auto& a, const auto& b) { return turn(a) < turn(b); });
  for (std::size_t i = 0; i < left_out.size(); ++i)
    if (left_out[i] > 0)
      notes.push_back(fmt::format("{} region{} of class '{}', which `classes` does not have, left out",
                                  left_out[i], left_out[i] == 1 ? "" : "s", file.classes[i].name));
  const std::size_t outside = regions_outside(file, slide_width, slide_height);
  if (outside > 0)
    notes.push_back(fmt::format("{} of {} regions lie outside of the slide, which has {} x {} pixels",
                                outside, file.regions.size(), slide_width, slide_height));
  std::vector<Region> regions;
  regions.reserve(file.regions.size());
  for (auto& region : file.regions)
    regions.push_back({region.hole ? std::uint8_t{0} : of_file[region.of_class]->value,
                       std::move(region.rings), region.layer, region.hole, region.winding});
  std::vector<Class> in_mask;
  for (const auto& [name, one] : known)
    if (one.value != 0) in_mask.push_back(one);
  return {std::move(in_mask), std::move(regions), slide_width, slide_height};
}

std::string misplaced_name(const std::vector<std::string>& order, const std::map<std::string, int>& values) {
  std::set<std::string> known, seen;
  for (const auto& [name, value] : values) known.insert(lower(name));
  for (const std::string& name : order)
    if (!seen.insert(lower(name)).second || (!known.empty() && !known.contains(lower(name)))) return name;
  return {};
}

std::string alike_names(const std::map<std::string, int>& values) {
  std::map<std::string, std::string> seen;
  for (const auto& [name, value] : values)
    if (const auto [it, is_new] = seen.try_emplace(lower(name), name); !is_new)
      return fmt::format("'{}' and '{}'", it->second, name);
  return {};
}

}  // namespace flowrun::wsi
