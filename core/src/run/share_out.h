// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "output/part.h"

namespace flowrun {

using BytesByName = std::map<std::string, std::uint64_t>;

/// The names that belong to the part: the largest first, each goes to the part that has the fewest bytes yet,
/// of these to that with the fewest names, of these to the first ("longest processing time first": Graham
/// 1969, the fullest part has at most 4/3 of what it has at best). What is as large goes by name. So every
/// machine comes to the same.
std::set<std::string> share_out(const BytesByName& all, const Part& part);

/// Tells apart what is shared out differently.
std::string digest_of(const BytesByName& all);

}  // namespace flowrun
