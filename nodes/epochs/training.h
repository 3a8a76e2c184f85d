// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "class_labels.h"
#include "nodes/slide/samples.h"
#include "row_roles.h"

namespace flowrun::wsi {

/// How samples are drawn for training: see Epochs::describe().
struct Drawing {
  std::string sampling = "each";
  std::uint64_t count = 0;  ///< for an epoch; 0: as many as there are for training
  std::uint64_t seed = 0;
};

/// What all epochs of a run have in common, and how the order of one is drawn.
class Training {
 public:
  /// `common`: of all epochs, without set and order. `with_folds`: models are trained fold by fold, for
  /// `epochs` epochs each. `of_classes`: samples are of `names`, else that is nothing to count. Throws Error
  /// when a fold has nothing to train with.
  Training(Epoch common, ClassLabels names, bool of_classes, RowRoles roles, bool with_folds,
           std::uint64_t epochs, Drawing drawing);

  const RowRoles& roles() const { return roles_; }
  std::uint64_t epochs() const { return sets_.front()->epochs; }
  /// Without samples, once nobody wants it.
  Epoch epoch(std::size_t fold, std::uint64_t number) const;

 private:
  std::shared_ptr<const SampleSet> set_of(std::size_t fold, const ClassLabels& names, bool of_classes,
                                          bool with_folds, std::uint64_t epochs) const;

  Epoch common_;
  RowRoles roles_;
  Drawing drawing_;
  std::vector<std::uint32_t> labels_;                   // by row, index into the classes
  std::vector<double> weights_;                         // by row
  std::vector<std::shared_ptr<const SampleSet>> sets_;  // by fold
};

}  // namespace flowrun::wsi
