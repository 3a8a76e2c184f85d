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

#include "nodes/base/random.h"
#include "nodes/mil/feature_files.h"
#include "nodes/table/csv.h"
#include "nodes/table/label_text.h"

namespace flowrun::torch_nodes {
namespace {

using Patients = std::vector<std::string>;

/// In an order that seed and names give.
Patients shuffled(Patients patients, std::uint64_t seed) {
  std::ranges::sort(patients, {},
                    [&](const std::string& name) { return std::pair(wsi::mix(seed, name), name); });
  return patients;
}

/// Patients by the classes of their slides.
std::map<std::set<std::uint32_t>, Patients> strata_of(const BagSet& set,
                                                      const std::set<std::string>& without) {
  std::map<std::string, std::set<std::uint32_t>> labels;
  for (const Bag& bag : set.bags)
    if (!without.contains(bag.patient)) labels[bag.patient].insert(bag.label);
  std::map<std::set<std::uint32_t>, Patients> strata;
  for (const auto& [patient, of] : labels) strata[of].push_back(patient);
  return strata;
}

}  // namespace

std::vector<std::string> deal_folds(BagSet& set, std::size_t folds, double validation,
                                    const std::vector<bool>& held_out) {
  set.folds = folds;
  std::set<std::string> without;
  for (std::size_t i = 0; i < set.bags.size(); ++i)
    if (held_out[i]) without.insert(set.bags[i].patient);
  auto strata = strata_of(set, without);
  std::map<std::string, std::size_t> part;
  for (auto& [labels, patients] : strata)
    for (const std::string& patient : patients = shuffled(patients, set.seed)) part.emplace(patient, 0);
  if (part.size() < std::max<std::size_t>(2, folds))
    throw Error(fmt::format(
        "{} patients are too few for {} folds{}", part.size(), folds,
        without.empty() ? "" : fmt::format(" ({} of held-out slides are in none)", without.size())));
  std::size_t next = 0;
  for (const auto& [labels, patients] : strata)
    for (const std::string& patient : patients) part[patient] = next++ % folds;
  for (std::size_t i = 0; i < set.bags.size(); ++i)
    set.bags[i].roles.assign(folds, held_out[i] ? Role::test : Role::none);
  for (std::size_t fold = 0; fold < folds; ++fold) {
    std::set<std::string> to_validate;
    for (const auto& [labels, patients] : strata) {
      Patients others;
      for (const std::string& patient : patients)
        if (folds == 1 || part[patient] != fold) others.push_back(patient);
      others = shuffled(others, wsi::mix(set.seed + fold + 1));
      const auto share =
          static_cast<std::size_t>(std::lround(validation * static_cast<double>(others.size())));
      const std::size_t count =
          validation > 0 && others.size() > 1 ? std::clamp<std::size_t>(share, 1, others.size() - 1) : 0;
      to_validate.insert(others.begin(), others.begin() + static_cast<std::ptrdiff_t>(count));
    }
    for (std::size_t i = 0; i < set.bags.size(); ++i) {
      Bag& bag = set.bags[i];
      if (without.contains(bag.patient)) continue;
      const bool tests = folds > 1 && part[bag.patient] == fold;
      bag.roles[fold] = tests                               ? Role::test
                        : to_validate.contains(bag.patient) ? Role::validation
                                                            : Role::train;
    }
  }
  std::vector<std::string> in_none;
  for (std::size_t i = 0; i < set.bags.size(); ++i)
    if (!held_out[i] && without.contains(set.bags[i].patient)) in_none.push_back(set.bags[i].slide);
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

std::vector<std::string> read_splits(const std::vector<std::filesystem::path>& files, BagSet& set) {
  set.folds = files.size();
  std::map<std::string, Bag*> by_name;
  for (Bag& bag : set.bags) {
    bag.roles.assign(files.size(), Role::none);
    by_name[bag.slide] = &bag;
  }
  std::set<std::string> unknown;
  for (std::size_t fold = 0; fold < files.size(); ++fold) {
    wsi::CsvReader table(files[fold]);
    std::vector<std::pair<std::size_t, Role>> columns{{table.column({"train"}), Role::train}};
    if (const auto column = table.find({"val", "validation"}))
      columns.emplace_back(*column, Role::validation);
    if (const auto column = table.find({"test"})) columns.emplace_back(*column, Role::test);
    while (table.next())
      for (const auto& [column, role] : columns) {
        const std::string name = bag_name(wsi::label_text(table.field(column)));
        if (name.empty()) continue;
        const auto found = by_name.find(name);
        if (found == by_name.end()) {
          unknown.insert(name);
          continue;
        }
        Role& known = found->second->roles[fold];
        if (known != Role::none && known != role)
          table.fail(fmt::format("'{}' is in {} and in {}", name, name_of(known), name_of(role)));
        known = role;
      }
  }
  return {unknown.begin(), unknown.end()};
}

std::vector<std::string> said_of_folds(const BagSet& set) {
  std::vector<std::string> said;
  std::map<std::string, std::vector<std::size_t>> left_out;  // "training has no slide of class 'x'": folds
  std::set<std::string> torn;
  for (std::size_t fold = 0; fold < set.folds; ++fold) {
    std::map<Role, std::set<std::uint32_t>> classes;
    std::map<std::string, Role> roles;
    for (const Bag& bag : set.bags) {
      const Role role = bag.roles[fold];
      classes[role].insert(bag.label);
      if (role != Role::none && roles.try_emplace(bag.patient, role).first->second != role)
        torn.insert(bag.patient);
    }
    if (set.count(fold, Role::train) == 0)
      throw Error(fmt::format("fold {} has nothing to train with", fold));
    for (const auto& [role, what] :
         {std::pair{Role::train, "training"}, {Role::validation, "validation"}, {Role::test, "test"}})
      for (std::uint32_t label = 0; label < set.classes.size(); ++label)
        if (set.count(fold, role) > 0 && !classes[role].contains(label))
          left_out[fmt::format("{} has no slide of class '{}'", what, set.classes[label])].push_back(fold);
  }
  for (const auto& [what, folds] : left_out)
    said.push_back(fmt::format("fold{} {}: {}", folds.size() == 1 ? "" : "s", fmt::join(folds, ", "), what));
  if (!torn.empty())
    said.push_back(fmt::format("slides of one patient are in several parts of a fold: {}{}", *torn.begin(),
                               torn.size() > 1 ? fmt::format(" and {} more", torn.size() - 1) : ""));
  return said;
}

}  // namespace flowrun::torch_nodes
