// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nodes/slide/samples.h"

namespace flowrun::wsi {

/// Opens the epochs of a training. See describe().
struct Epochs : Open {
  std::optional<std::filesystem::path> train_csv, val_csv;
  std::vector<std::filesystem::path> slides;
  std::vector<std::string> classes, targets;
  std::optional<double> validation;
  std::string split_by = "slide";
  std::string sampling = "each";
  std::optional<std::int64_t> samples_per_epoch;
  int count = 10;
  std::int64_t seed = 0;
  int open_slides = 8;

  static void describe(Description<Epochs>& d);
  void plan(Costs& costs) override;
  Scopes open(Inputs& in) override;

 private:
  /// All rows; those from `first_validation` on are of val_csv.
  std::shared_ptr<const Samples> samples_of(const Inputs& in, std::size_t& first_validation) const;
  std::vector<bool> validation_rows(const Samples& samples, std::size_t first_validation) const;

  std::size_t threads_ = 1;
};

}  // namespace flowrun::wsi
