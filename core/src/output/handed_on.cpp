// SPDX-License-Identifier: Apache-2.0
#include "output/handed_on.h"

#include <flowrun/error.h>

#include <algorithm>
#include <set>

#include "output/names.h"

namespace flowrun {
namespace {

using nlohmann::json;

json entry_or_null(const Journal& journal, const std::string& scope) {
  try {
    return journal.entry(scope);
  } catch (const Error&) {
    return {};  // what cannot be read is not done, so nothing can be taken over from it
  }
}

/// Entries without an id are of an older flowrun, which did not say which units were handed on.
std::vector<std::string> on_offer(const json& entry) {
  return units_of(entry, entry.is_object() && entry.contains("publication") ? "handed_on" : "outputs");
}

void take_out(json& entry, const char* which, const std::set<std::string>& units) {
  std::vector<std::string> left = units_of(entry, which);
  std::erase_if(left, [&](const auto& unit) { return units.contains(unit); });
  if (entry.contains(which)) entry[which] = left;
}

}  // namespace

HandedOn::Holders& HandedOn::of_opener(const std::string& opener) {
  const auto [at, is_new] = openers_.try_emplace(opener);
  if (!is_new) return at->second;
  try {
    for (const std::string& scope : journal_.done_scopes())
      if (opener_of(scope) == opener)
        for (const std::string& unit : on_offer(entry_or_null(journal_, scope))) at->second[unit] = scope;
  } catch (...) {
    openers_.erase(at);
    throw;
  }
  return at->second;
}

std::optional<std::string> HandedOn::holder(const std::string& scope, const std::string& unit) {
  const Holders& holders = of_opener(opener_of(scope));
  const auto found = holders.find(unit);
  return found == holders.end() ? std::nullopt : std::optional(found->second);
}

void HandedOn::take_over(const std::string& scope, const json& entry) {
  const auto units = units_of(entry, "handed_on");
  if (units.empty()) return;
  Holders& holders = of_opener(opener_of(scope));
  std::map<std::string, std::set<std::string>> lost;
  for (const std::string& unit : units)
    if (const auto before = holders.find(unit); before != holders.end() && before->second != scope)
      lost[before->second].insert(unit);
  for (const auto& [other, gone] : lost) {
    json before = entry_or_null(journal_, other);
    if (!before.is_object()) continue;
    take_out(before, "outputs", gone);
    take_out(before, "handed_on", gone);
    journal_.write_entry(other, before);
  }
  for (const std::string& unit : units) holders[unit] = scope;
}

}  // namespace flowrun
