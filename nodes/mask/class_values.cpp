// SPDX-License-Identifier: Apache-2.0
#include "class_values.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <array>
#include <optional>
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
  std::vector<Region> regions;
  regions.reserve(file.regions.size());
  std::vector<std::size_t> left_out(file.classes.size());
  for (auto& region : file.regions) {
    if (!region.hole && !of_file[region.of_class])
      ++left_out[region.of_class];
    else
      regions.push_back(
          {region.hole ? std::uint8_t{0} : of_file[region.of_class]->value, std::move(region.rings)});
  }
  for (std::size_t i = 0; i < left_out.size(); ++i)
    if (left_out[i] > 0)
      notes.push_back(fmt::format("{} region{} of class '{}', which `classes` does not have, left out",
                                  left_out[i], left_out[i] == 1 ? "" : "s", file.classes[i].name));
  std::vector<Class> in_mask;
  for (const auto& [name, one] : known)
    if (one.value != 0) in_mask.push_back(one);
  return {std::move(in_mask), std::move(regions), slide_width, slide_height};
}

std::string alike_names(const std::map<std::string, int>& values) {
  std::map<std::string, std::string> seen;
  for (const auto& [name, value] : values)
    if (const auto [it, is_new] = seen.try_emplace(lower(name), name); !is_new)
      return fmt::format("'{}' and '{}'", it->second, name);
  return {};
}

}  // namespace flowrun::wsi
