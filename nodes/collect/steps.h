// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "collect_plan.h"
#include "transfer.h"

namespace flowrun::wsi::collect {

/// Takes one step of a plan, or takes it back. Both may be killed at any moment and called again, or the
/// other one called, and end as if they had never been disturbed. Throw Error when it cannot be done; then
/// nothing is lost.
class Steps {
 public:
  /// `number`: the plan's, which tells its temporary files from those of other plans.
  Steps(const Plan& plan, int number) : plan_(plan), number_(number) {}

  Step take(std::size_t index) const;
  Step take_back(std::size_t index) const;
  /// Removes the half copies that a killed run may have left.
  void clean_up(std::size_t index) const;

 private:
  /// A name beside `target` for a copy that is not whole yet.
  std::filesystem::path part_of(const std::filesystem::path& target, std::size_t index) const;

  const Plan& plan_;
  const int number_;
};

}  // namespace flowrun::wsi::collect
