// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace flowrun::wsi {

/// What a slide is for in a fold.
enum class Role : std::uint8_t { none, train, validation, test };
/// As tables call it: "train", "val", "test", "none".
std::string_view name_of(Role role);

/// A slide, or its samples of one class, that folds are made of.
struct FoldMember {
  std::string slide, patient;
  std::uint32_t label = 0;    ///< of a class
  bool held_out = false;      ///< for testing only
  std::vector<Role> roles{};  ///< by fold

  /// All folds test it.
  bool is_tested_only() const;
};
using FoldMembers = std::span<FoldMember* const>;

/// Deals patients to `folds` parts, those of each class by themselves, so that parts have about as many of
/// each. Each part is the test set of one fold; of its other patients the share `validation` of each class
/// (one at least, and not the last) is for validation, the rest for training. With one fold nothing is for
/// testing. Those that are held out are tested in each fold, and no other of their patients is in any. Chance
/// depends on seed and patients' names. Returns the slides that are in no fold for that reason. Throws Error
/// when there are fewer patients than folds.
std::vector<std::string> deal_folds(FoldMembers members, std::size_t folds, double validation,
                                    std::uint64_t seed);

/// CLAM's splits_0.csv, splits_1.csv, ... in a folder, or one such file.
std::vector<std::filesystem::path> split_files(const std::filesystem::path& place);

/// The roles that CLAM's tables (columns train, val, test) give, a fold each. Slides that are in none have no
/// role; names that are no member's are returned. `slide_name` makes of a table's text the name of a slide.
/// Throws Error when a slide has two roles in a fold.
std::vector<std::string> read_splits(const std::vector<std::filesystem::path>& files, FoldMembers members,
                                     std::string (*slide_name)(std::string_view));

/// What a user should know of slides that have no role in a fold of splits.
std::vector<std::string> said_of_unused(FoldMembers members, std::size_t folds);

/// What a user should know of the folds: patients with two roles in one, classes that one leaves out, and, if
/// one should have it, that there is no validation. `classes`: their names; none: labels mean nothing. Throws
/// Error when a fold has nothing to train with.
std::vector<std::string> said_of_folds(FoldMembers members, std::size_t folds,
                                       const std::vector<std::string>& classes, bool with_validation);

}  // namespace flowrun::wsi
