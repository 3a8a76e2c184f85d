// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nodes/stain/stains_file.h"

namespace flowrun::wsi {

/// One of what a cohort is made of: a slide or a tile.
struct Member {
  std::string name;
  StainReport report;
};

/// Mean or median of each number of the members' reports; colours are made of length 1 again. `members` is
/// not empty.
StainReport middle_of(const std::vector<Member>& members, bool median);

/// A table (CSV) with a row for each member, all of one space. `members` is not empty.
std::string table_of(const std::vector<Member>& members, const std::string& first_column);

}  // namespace flowrun::wsi
