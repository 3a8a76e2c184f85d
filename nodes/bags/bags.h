// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bag_files.h"
#include "nodes/mil/bags.h"

namespace flowrun::torch_nodes {

/// Opens the epochs of a training of slides. See describe().
struct Bags : Open {
  std::vector<std::filesystem::path> features;
  std::filesystem::path labels;
  std::optional<std::filesystem::path> slide_table, test_labels, splits;
  std::string slide_column, patient_column, label_column;
  std::vector<std::string> classes, targets;
  std::optional<int> folds;
  double validation = 0.2;
  std::optional<std::int64_t> max_tiles;
  int count = 20;
  std::int64_t seed = 0;

  static void describe(Description<Bags>& d);
  void plan(Costs& costs) override;
  Scopes open(Inputs& in) override;

 private:
  using Files = std::map<std::string, std::filesystem::path>;
  Files files_of(const Inputs& in) const;
  /// Of both tables, those that have features, by name; `said` gets what is to be told.
  std::vector<LabelledBag> labelled(const Files& files, std::vector<std::string>& said) const;
  /// The slides, with their folds.
  BagSet set_of(const std::vector<LabelledBag>& bags, std::uint64_t dimensions,
                std::vector<std::string>& said) const;
};

}  // namespace flowrun::torch_nodes
