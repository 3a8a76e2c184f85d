// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nodes/mil/bags.h"

namespace flowrun::torch_nodes {

/// Deals patients to `folds` parts, those of each class by themselves, so that parts have about as many of
/// each. Each part is the test set of one fold; of its other patients the share `validation` of each class
/// (one at least, and not the last) is for validation, the rest for training. With one fold nothing is for
/// testing. Bags that have a role already, in `held_out`, are tested in each fold, and no other bag of their
/// patients is in any. Chance depends on seed and patients' names. Returns the slides that are in no fold
/// for that reason. Throws Error when there are fewer patients than folds.
std::vector<std::string> deal_folds(BagSet& set, std::size_t folds, double validation,
                                    const std::vector<bool>& held_out);

/// CLAM's splits_0.csv, splits_1.csv, ... in a folder, or one such file.
std::vector<std::filesystem::path> split_files(const std::filesystem::path& place);

/// The roles that CLAM's tables (columns train, val, test) give, a fold each. Slides that are in none have no
/// role; names that are no bag are returned. Throws Error when a slide has two roles in a fold.
std::vector<std::string> read_splits(const std::vector<std::filesystem::path>& files, BagSet& set);

/// What a user should know of the folds: patients with two roles in one, classes that one leaves out.
std::vector<std::string> said_of_folds(const BagSet& set);

}  // namespace flowrun::torch_nodes
