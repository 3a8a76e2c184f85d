// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>

#include "output/journal.h"

namespace flowrun {

/// Which scope has the units that the scopes of an opener hand on. The journal is looked through once for
/// each opener that does so.
class HandedOn {
 public:
  explicit HandedOn(const Journal& journal) : journal_(journal) {}
  /// The scope of the same opener that has the unit now.
  std::optional<std::string> holder(const std::string& scope, const std::string& unit);
  /// `scope` has them from now on: the entries of those before lose them. Throws Error.
  void take_over(const std::string& scope, const nlohmann::json& entry);

 private:
  using Holders = std::map<std::string, std::string>;  // by unit
  Holders& of_opener(const std::string& opener);

  const Journal& journal_;
  std::map<std::string, Holders> openers_;
};

}  // namespace flowrun
