// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "nodes/slide/samples.h"
#include "nodes/table/folds.h"

namespace flowrun::wsi {

/// How patients come to folds: see deal_folds() and read_splits().
struct FoldOptions {
  std::size_t folds = 1;
  double validation = 0.2;
  std::optional<std::filesystem::path> splits;
  std::uint64_t seed = 0;
};

/// What rows of samples are for, in each fold; of a training without folds, in the only one.
class RowRoles {
 public:
  /// Without folds: those from `first_test` on are for testing.
  RowRoles(const std::vector<bool>& validation, std::size_t first_test);
  /// Slides are of their patients or, where none has one, of their own. Rows from `first_test` on are tested
  /// by all folds. `labels` are by row, into `classes`; both empty: samples have no class. `said` gets what a
  /// user should know. Throws Error when folds cannot be made so.
  RowRoles(const Samples& samples, const std::vector<std::uint32_t>& labels,
           const std::vector<std::string>& classes, std::size_t first_test, const FoldOptions& options,
           std::vector<std::string>& said);

  std::size_t folds() const { return folds_; }
  Role of(std::size_t row, std::size_t fold) const { return members_[member_[row]].roles[fold]; }
  /// All folds test it.
  bool is_held_out(std::size_t row) const { return members_[member_[row]].is_tested_only(); }
  /// The rows that are for it, ascending.
  std::vector<std::uint32_t> rows(Role role, std::size_t fold) const;
  /// How many are for validation or testing, in all folds together.
  std::size_t evaluated() const;

 private:
  std::size_t folds_ = 1;
  std::vector<FoldMember> members_;
  std::vector<std::uint32_t> member_;  // by row
};

}  // namespace flowrun::wsi
