// SPDX-License-Identifier: Apache-2.0
#include "folds.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "csv.h"
#include "label_text.h"
#include "nodes/base/random.h"
#include "some_of.h"

namespace flowrun::wsi {
namespace {

using Patients = std::vector<std::string>;

/// In an order that seed and names give.
Patients shuffled(Patients patients, std::uint64_t seed) {
  std::ranges::sort(patients, {}, [&](const std::string& name) { return std::pair(mix(seed, name), name); });
  return patients;
}

/// Patients by the classes of their slides.
std::map<std::set<std::uint32_t>, Patients> strata_of(FoldMembers members,
                                                      const std::set<std::string>& without) {
  std::map<std::string, std::set<std::uint32_t>> labels;
  for (const FoldMember* member : members)
    if (!without.contains(member->patient)) labels[member->patient].insert(member->label);
  std::map<std::set<std::uint32_t>, Patients> strata;
  for (const auto& [patient, of] : labels) strata[of].push_back(patient);
  return strata;
}

}  // namespace

std::string_view name_of(Role role) {
  switch (role) {
    case Role::train:
      return "train";
    case Role::validation:
      return "val";
    case Role::test:
      return "test";
    case Role::none:
      break;
  }
  return "none";
}

bool FoldMember::is_tested_only() const {
  return std::ranges::count(roles, Role::test) == std::ssize(roles);
}

std::vector<std::string> deal_folds(FoldMembers members, std::size_t folds, double validation,
                                    std::uint64_t seed) {
  std::set<std::string> without;
  for (const FoldMember* member : members)
    if (member->held_out) without.insert(member->patient);
  auto strata = strata_of(members, without);
  std::map<std::string, std::size_t> part;
  for (auto& [labels, patients] : strata)
    for (const std::string& patient : patients = shuffled(patients, seed)) part.emplace(patient, 0);
  if (part.size() < std::max<std::size_t>(2, folds))
    throw Error(fmt::format(
        "{} patients are too few for {} folds{}", part.size(), folds,
        without.empty() ? "" : fmt::format(" ({} of held-out slides are in none)", without.size())));
  std::size_t next = 0;
  for (const auto& [labels, patients] : strata)
    for (const std::string& patient : patients) part[patient] = next++ % folds;
  for (FoldMember* member : members) member->roles.assign(folds, member->held_out ? Role::test : Role::none);
  for (std::size_t fold = 0; fold < folds; ++fold) {
    std::set<std::string> to_validate;
    for (const auto& [labels, patients] : strata) {
      Patients others;
      for (const std::string& patient : patients)
        if (folds == 1 || part[patient] != fold) others.push_back(patient);
      others = shuffled(others, mix(seed + fold + 1));
      const auto share =
          static_cast<std::size_t>(std::lround(validation * static_cast<double>(others.size())));
      const std::size_t count =
          validation > 0 && others.size() > 1 ? std::clamp<std::size_t>(share, 1, others.size() - 1) : 0;
      to_validate.insert(others.begin(), others.begin() + static_cast<std::ptrdiff_t>(count));
    }
    for (FoldMember* member : members) {
      const std::string& patient = member->patient;
      if (without.contains(patient)) continue;
      const bool tests = folds > 1 && part[patient] == fold;
      member->roles[fold] = tests                           ? Role::test
                            : to_validate.contains(patient) ? Role::validation
                                                            : Role::train;
    }
  }
  std::vector<std::string> in_none;
  for (const FoldMember* member : members)
    if (!member->held_out && without.contains(member->patient)) in_none.push_back(member->slide);
  return in_none;
}

std::vector<std::filesystem::path> split_files(const std::filesystem::path& place) {
  if (!std::filesystem::is_directory(place)) return {place};
  constexpr std::string_view prefix = "splits_";
  std::map<int, std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(place)) {
    const std::string stem = entry.path().stem().string();
    int number = 0;
    if (entry.path().extension() != ".csv" || !stem.starts_with(prefix)) continue;
    const auto [rest, problem] =
        std::from_chars(stem.data() + prefix.size(), stem.data() + stem.size(), number);
    if (problem == std::errc() && rest == stem.data() + stem.size()) files[number] = entry.path();
  }
  std::vector<std::filesystem::path> out;
  for (const auto& [number, file] : files) out.push_back(file);
  return out;
}

std::vector<std::string> read_splits(const std::vector<std::filesystem::path>& files, FoldMembers members,
                                     std::string (*slide_name)(std::string_view)) {
  std::map<std::string, std::vector<FoldMember*>> by_name;
  for (FoldMember* member : members) {
    member->roles.assign(files.size(), Role::none);
    by_name[member->slide].push_back(member);
  }
  std::set<std::string> unknown;
  for (std::size_t fold = 0; fold < files.size(); ++fold) {
    CsvReader table(files[fold]);
    std::vector<std::pair<std::size_t, Role>> columns{{table.column({"train"}), Role::train}};
    if (const auto column = table.find({"val", "validation"}))
      columns.emplace_back(*column, Role::validation);
    if (const auto column = table.find({"test"})) columns.emplace_back(*column, Role::test);
    while (table.next())
      for (const auto& [column, role] : columns) {
        const std::string name = slide_name(label_text(table.field(column)));
        if (name.empty()) continue;
        const auto found = by_name.find(name);
        if (found == by_name.end()) {
          unknown.insert(name);
          continue;
        }
        const Role known = found->second.front()->roles[fold];
        if (known != Role::none && known != role)
          table.fail(fmt::format("'{}' is in {} and in {}", name, name_of(known), name_of(role)));
        for (FoldMember* member : found->second) member->roles[fold] = role;
      }
  }
  return {unknown.begin(), unknown.end()};
}

std::vector<std::string> said_of_unused(FoldMembers members, std::size_t folds) {
  std::map<std::vector<std::string>, std::vector<std::size_t>> unused;  // folds by slides
  for (std::size_t fold = 0; fold < folds; ++fold) {
    std::set<std::string> slides;  // each may be there by class
    for (const FoldMember* member : members)
      if (member->roles[fold] == Role::none) slides.insert(member->slide);
    if (!slides.empty()) unused[{slides.begin(), slides.end()}].push_back(fold);
  }
  std::vector<std::string> said;
  for (const auto& [slides, in] : unused)
    said.push_back(fmt::format("{} slide{} in no part of fold{} {}: {}", slides.size(),
                               slides.size() == 1 ? " is" : "s are", in.size() == 1 ? "" : "s",
                               fmt::join(in, ", "), some_of(slides)));
  return said;
}

std::vector<std::string> said_of_folds(FoldMembers members, std::size_t folds,
                                       const std::vector<std::string>& classes, bool with_validation) {
  std::vector<std::string> said;
  std::map<std::string, std::vector<std::size_t>> left_out;  // "training has no slide of class 'x'": folds
  std::set<std::string> torn;
  for (std::size_t fold = 0; fold < folds; ++fold) {
    std::map<Role, std::set<std::uint32_t>> labels;
    std::map<std::string, Role> roles;
    for (const FoldMember* member : members) {
      const Role role = member->roles[fold];
      labels[role].insert(member->label);
      if (role != Role::none && roles.try_emplace(member->patient, role).first->second != role)
        torn.insert(member->patient);
    }
    if (!labels.contains(Role::train)) throw Error(fmt::format("fold {} has nothing to train with", fold));
    if (with_validation && !labels.contains(Role::validation))
      left_out["there is nothing to validate with, so the last epoch counts as the best"].push_back(fold);
    for (const auto& [role, what] :
         {std::pair{Role::train, "training"}, {Role::validation, "validation"}, {Role::test, "test"}})
      for (std::uint32_t label = 0; label < classes.size(); ++label)
        if (labels.contains(role) && !labels[role].contains(label))
          left_out[fmt::format("{} has no slide of class '{}'", what, classes[label])].push_back(fold);
  }
  for (const auto& [what, in] : left_out)
    said.push_back(fmt::format("fold{} {}: {}", in.size() == 1 ? "" : "s", fmt::join(in, ", "), what));
  if (!torn.empty())
    said.push_back(fmt::format("slides of one patient are in several parts of a fold: {}{}", *torn.begin(),
                               torn.size() > 1 ? fmt::format(" and {} more", torn.size() - 1) : ""));
  return said;
}

}  // namespace flowrun::wsi
