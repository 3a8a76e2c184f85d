// SPDX-License-Identifier: Apache-2.0
#include "output/claims.h"

#include <functional>
#include <string_view>

#include "output/names.h"

namespace flowrun {
namespace {

std::uint64_t hash_of(std::string_view text) {
  return std::hash<std::string_view>{}(text);
}

/// The first of `units` that is `unit`, lies around it or in it, and is not fine.
const Claims::Units::value_type* overlapping(const Claims::Units& units, const std::string& unit,
                                             const auto& is_fine) {
  const Claims::Units::value_type* found = nullptr;
  any_around(unit, [&](const std::string& around) {
    const auto at = units.find(around);
    if (at != units.end() && !is_fine(*at)) found = &*at;
    return found != nullptr;
  });
  const std::string within = unit + "/";
  for (auto at = units.lower_bound(within); !found && at != units.end() && at->first.starts_with(within);
       ++at)
    if (!is_fine(*at)) found = &*at;
  return found;
}

}  // namespace

bool Claims::has(const std::string& scope, const std::string& unit, const std::string& node) const {
  const Units& units = of(scope);
  const auto found = units.find(unit);
  return found != units.end() && found->second.node == node;
}

std::optional<Claims::Clash> Claims::within(const std::string& scope, const std::string& unit,
                                            const std::string& node) const {
  const auto* found = overlapping(of(scope), unit, [&](auto& other) { return other.second.node == node; });
  if (!found) return {};
  return Clash{found->first, scope, found->second.node};
}

std::optional<Claims::Clash> Claims::elsewhere(const std::string& scope, const std::string& unit,
                                               bool handed_on) const {
  for (const auto& [other, units] : staged_) {
    if (other == scope) continue;
    const bool may_hand_on = handed_on && opener_of(other) == opener_of(scope);
    const auto* found = overlapping(units, unit, [&](auto& claimed) {
      return may_hand_on && claimed.second.handed_on && claimed.first == unit;
    });
    if (found) return Clash{found->first, other, found->second.node};
  }
  return among_published(scope, unit, handed_on);
}

std::optional<Claims::Clash> Claims::among_published(const std::string& scope, const std::string& unit,
                                                     bool handed_on) const {
  std::optional<Clash> clash;
  any_around(unit, [&](const std::string& around) {
    if (handed_on && around == unit) return false;  // whether it was handed on the journal knows
    const auto owner = published_.find(hash_of(around));
    if (owner && *owner != hash_of(scope)) clash = Clash{around, {}, {}};
    return clash.has_value();
  });
  return clash;
}

void Claims::add(const std::string& scope, const std::string& unit, const Claim& claim) {
  staged_[scope].try_emplace(unit, claim);
}

const Claims::Units& Claims::of(const std::string& scope) const {
  static const Units none;
  const auto found = staged_.find(scope);
  return found == staged_.end() ? none : found->second;
}

void Claims::publish(const std::string& scope, const std::vector<std::string>& units) {
  for (const std::string& unit : units) published_.set(hash_of(unit), hash_of(scope));
}

}  // namespace flowrun
