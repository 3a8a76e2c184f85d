// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "labels.h"
#include "nodes/mil/bags.h"

namespace flowrun::torch_nodes {

/// A slide of a table that has features.
struct LabelledBag {
  Bag bag;
  BagLabel label;
};

/// Sets what each bag's file says; the numbers a tile are those that most have. Bags whose file is missing,
/// damaged, empty or has other dimensions are left out, and `left_out` gets why.
std::uint64_t read_facts(std::vector<LabelledBag>& bags, std::vector<std::string>& left_out);

/// By which a later run sees whether slides, labels and roles are the same.
std::string fingerprint(const BagSet& set);

}  // namespace flowrun::torch_nodes
