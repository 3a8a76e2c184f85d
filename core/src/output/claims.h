// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "output/hash_map.h"

namespace flowrun {

/// Who writes what: no unit, and nothing inside of one, is written by two nodes or two scopes of a run.
class Claims {
 public:
  struct Claim {
    std::string node;
    bool handed_on = false;
  };
  using Units = std::map<std::string, Claim>;
  struct Clash {
    std::string unit;
    std::string scope, node;  ///< empty when the unit was published: the journal knows
  };

  bool has(const std::string& scope, const std::string& unit, const std::string& node) const;
  /// Another node of the scope has the unit, one around it or one in it.
  std::optional<Clash> within(const std::string& scope, const std::string& unit,
                              const std::string& node) const;
  /// Another scope has it. Scopes of one opener may hand on the same unit.
  std::optional<Clash> elsewhere(const std::string& scope, const std::string& unit, bool handed_on) const;
  void add(const std::string& scope, const std::string& unit, const Claim& claim);
  const Units& of(const std::string& scope) const;
  void drop(const std::string& scope) { staged_.erase(scope); }
  /// The units stand, and are this scope's until the run ends.
  void publish(const std::string& scope, const std::vector<std::string>& units);

 private:
  std::optional<Clash> among_published(const std::string& scope, const std::string& unit,
                                       bool handed_on) const;

  std::map<std::string, Units> staged_;  // by scope
  HashMap published_;                    // unit -> scope, as hashes: a run may publish millions
};

}  // namespace flowrun
