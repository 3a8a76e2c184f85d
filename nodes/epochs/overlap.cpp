// SPDX-License-Identifier: Apache-2.0
#include "overlap.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>

namespace flowrun::wsi {

namespace {

/// Names of one kind that samples for validation have, and those of them that are trained with.
struct Names {
  const char* kind;
  std::set<std::string> validation{}, both{};

  void add(const std::string& name, bool for_validation) {
    if (name.empty()) return;
    if (for_validation)
      validation.insert(name);
    else if (validation.contains(name))
      both.insert(name);
  }
};

std::string image_of(const Samples::Row& row) {
  if (row.image.empty()) return {};
  std::error_code unknown;  // an error later, of the sample
  const auto path = std::filesystem::weakly_canonical(row.image, unknown);
  return unknown ? row.image : path.string();
}

}  // namespace

std::string said_of_overlap(const Samples& samples, const std::vector<bool>& validation) {
  if (std::ranges::none_of(validation, std::identity())) return {};
  Names images{"image"}, slides{"slide"}, patients{"patient"};
  for (const bool now : {true, false})  // those for validation first, as they are fewer
    for (std::size_t i = 0; i < samples.rows.size(); ++i) {
      if (validation[i] != now) continue;
      const Samples::SlideEntry& slide = samples.slides[samples.rows[i].slide];
      images.add(image_of(samples.rows[i]), now);
      slides.add(slide.file.name, now);
      patients.add(slide.patient, now);
    }
  std::vector<std::string> shared;
  for (const Names* names : {&images, &slides, &patients})
    if (const auto& both = names->both; !both.empty())
      shared.push_back(
          fmt::format("{} {}{} ({})", both.size(), names->kind, both.size() == 1 ? "" : "s", *both.begin()));
  if (shared.empty()) return {};
  return fmt::format(
      "samples to train and to validate with share {}: validation does not show what the model does on new "
      "ones",
      fmt::join(shared, ", "));
}

}  // namespace flowrun::wsi
