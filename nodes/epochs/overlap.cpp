// SPDX-License-Identifier: Apache-2.0
#include "overlap.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <set>
#include <unordered_map>

#include "nodes/base/random.h"

namespace flowrun::wsi {

namespace {

/// Parts that should share nothing, and what it means if they do.
struct Parts {
  Role one, other;
  const char* are;
  const char* means;
};
constexpr std::array<Parts, 3> pairs{{
    {Role::train, Role::validation, "to train and to validate with",
     "validation does not show what the model does on new ones"},
    {Role::train, Role::test, "to train with and to test",
     "the test does not show what the model does on new ones"},
    {Role::validation, Role::test, "to validate with and to test",
     "the best epoch is chosen by what is tested"},
}};
/// Names that the parts of each pair share.
using Shared = std::array<std::set<std::string>, pairs.size()>;
/// The name of a row's image, slide or patient; empty where it has none.
using NameOf = std::string (*)(const Samples&, const Samples::Row&);

std::string image_of(const Samples&, const Samples::Row& row) {
  if (row.image.empty()) return {};
  std::error_code unknown;  // an error later, of the sample
  const auto path = std::filesystem::weakly_canonical(row.image, unknown);
  return unknown ? row.image : path.string();
}

std::string slide_of(const Samples& samples, const Samples::Row& row) {
  return samples.slides[row.slide].file.name;
}

std::string patient_of(const Samples& samples, const Samples::Row& row) {
  return samples.slides[row.slide].patient;
}

Shared shared_names(const Samples& samples, const RowRoles& roles, NameOf name_of) {
  std::vector<std::uint64_t> keys;  // of names, which take more memory; 0: none
  for (const Samples::Row& row : samples.rows) {
    const std::string name = name_of(samples, row);
    keys.push_back(name.empty() ? 0 : mix(1, name));
  }
  Shared shared;
  for (std::size_t fold = 0; fold < roles.folds(); ++fold) {
    std::unordered_map<std::uint64_t, std::array<bool, 4>> parts;  // whether a name is in it, by Role
    for (const bool training : {false, true})                      // last, as these are most
      for (std::size_t row = 0; row < keys.size(); ++row) {
        const Role role = roles.of(row, fold);
        if (keys[row] == 0 || role == Role::none || (role == Role::train) != training) continue;
        if (training && !parts.contains(keys[row])) continue;
        auto& in = parts[keys[row]];
        in[static_cast<std::size_t>(role)] = true;
        for (std::size_t i = 0; i < pairs.size(); ++i)
          if ((role == pairs[i].one || role == pairs[i].other) &&
              in[static_cast<std::size_t>(pairs[i].one)] && in[static_cast<std::size_t>(pairs[i].other)])
            shared[i].insert(name_of(samples, samples.rows[row]));
      }
  }
  return shared;
}

}  // namespace

std::vector<std::string> said_of_overlap(const Samples& samples, const RowRoles& roles, bool in_folds) {
  if (roles.evaluated() == 0) return {};
  std::array<std::vector<std::string>, pairs.size()> found;
  const auto add = [&](const char* kind, NameOf name_of) {
    const Shared shared = shared_names(samples, roles, name_of);
    for (std::size_t i = 0; i < pairs.size(); ++i)
      if (const auto& both = shared[i]; !both.empty())
        found[i].push_back(
            fmt::format("{} {}{} ({})", both.size(), kind, both.size() == 1 ? "" : "s", *both.begin()));
  };
  add("image", image_of);
  if (!in_folds) {
    add("slide", slide_of);
    add("patient", patient_of);
  }
  std::vector<std::string> said;
  for (std::size_t i = 0; i < pairs.size(); ++i)
    if (!found[i].empty())
      said.push_back(
          fmt::format("samples {} share {}: {}", pairs[i].are, fmt::join(found[i], ", "), pairs[i].means));
  return said;
}

}  // namespace flowrun::wsi
