// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "class_labels.h"
#include "nodes/slide/samples.h"
#include "row_roles.h"

namespace flowrun::wsi {

/// Opens the epochs of a training. See describe().
struct Epochs : Open {
  std::optional<std::filesystem::path> train_csv, val_csv, test_csv, splits;
  std::vector<std::filesystem::path> slides;
  std::vector<std::string> classes, targets;
  std::optional<double> validation;
  std::optional<int> folds;
  std::string split_by = "slide";
  std::string sampling = "each";
  std::optional<std::int64_t> samples_per_epoch;
  int count = 10;
  std::int64_t seed = 0;
  std::optional<int> open_slides;

  static void describe(Description<Epochs>& d);
  void plan(Costs& costs) override;
  Scopes open(Inputs& in) override;

 private:
  /// Where the rows of val_csv and test_csv begin.
  struct Parts {
    std::size_t first_validation = 0, first_test = 0;
  };
  bool is_in_folds() const { return folds || splits; }
  bool is_of_classes() const { return targets.empty() || !classes.empty(); }
  void check_folds() const;
  /// All rows.
  std::shared_ptr<const Samples> samples_of(const Inputs& in, Parts& parts) const;
  std::shared_ptr<const Samples> samples_of_tables(Parts& parts) const;
  /// Of an epoch with these samples: they, its order, and the slides that stay open.
  std::size_t bytes_of(const Samples& samples) const;
  std::size_t planned_bytes() const;
  std::vector<bool> validation_rows(const Samples& samples, const Parts& parts) const;
  RowRoles roles(const Samples& samples, const ClassLabels& names, const Parts& parts,
                 std::vector<std::string>& said) const;

  std::size_t threads_ = 1;
  std::size_t most_open_ = 1;      // slides
  std::size_t planned_bytes_ = 0;  // of an epoch
};

}  // namespace flowrun::wsi
