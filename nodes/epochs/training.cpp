// SPDX-License-Identifier: Apache-2.0
#include "training.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "draw.h"

namespace flowrun::wsi {

Training::Training(Epoch common, ClassLabels names, bool of_classes, RowRoles roles, bool with_folds,
                   std::uint64_t epochs, Drawing drawing)
    : common_(std::move(common)), roles_(std::move(roles)), drawing_(std::move(drawing)) {
  for (const Samples::Row& row : common_.samples->rows) {
    labels_.push_back(names.label[row.label]);
    weights_.push_back(row.weight);
  }
  for (std::size_t fold = 0; fold < roles_.folds(); ++fold) try {
      sets_.push_back(set_of(fold, names, of_classes, with_folds, epochs));
    } catch (const Error& problem) {
      if (!with_folds) throw;
      throw Error(fmt::format("fold {}: {}", fold, problem.what()));
    }
  common_.labels = std::make_shared<const std::vector<std::uint32_t>>(std::move(names.label));
}

std::shared_ptr<const SampleSet> Training::set_of(std::size_t fold, const ClassLabels& names, bool of_classes,
                                                  bool with_folds, std::uint64_t epochs) const {
  const Samples& samples = *common_.samples;
  const std::vector<std::uint32_t> training = roles_.rows(Role::train, fold),
                                   validation = roles_.rows(Role::validation, fold),
                                   test = roles_.rows(Role::test, fold);
  if (std::ranges::none_of(training, [&](std::uint32_t row) { return weights_[row] > 0; }))
    throw Error("all samples to train with have weight 0");
  std::vector<bool> others(samples.rows.size(), true);
  for (const std::uint32_t row : training) others[row] = false;

  SampleSet set;
  set.classes = names.classes;
  set.targets = samples.targets;
  set.some_in_srgb =
      std::ranges::any_of(samples.slides, [](const auto& slide) { return slide.file.color == Color::icc; });
  if (of_classes) set.class_draws = class_samples(samples, names, others);
  if (drawing_.sampling == "balanced") set.class_draws.assign(names.classes.size(), 1);
  if (drawing_.sampling == "weighted") set.class_draws = class_draws_by_weight(samples, names, others);
  set.epochs = epochs;
  set.training_samples = drawing_.count > 0 ? drawing_.count : training.size();
  set.validation_samples = validation.size();
  set.test_samples = test.size();
  set.held_out_samples = static_cast<std::uint64_t>(
      std::ranges::count_if(test, [&](std::uint32_t row) { return roles_.is_held_out(row); }));
  set.training = part_of(samples, names, training);
  set.validation = part_of(samples, names, validation);
  set.test = part_of(samples, names, test);
  set.tables = samples.tables;
  if (with_folds) set.fold = fold, set.folds = roles_.folds();
  return std::make_shared<const SampleSet>(std::move(set));
}

Epoch Training::epoch(std::size_t fold, std::uint64_t number) const {
  Epoch epoch = common_;
  epoch.number = number;
  epoch.set = sets_[fold];
  if (epoch.set->over.stop_requested()) return epoch;
  const std::vector<std::uint32_t> training = roles_.rows(Role::train, fold);
  const std::size_t count = epoch.set->training_samples;
  const std::uint64_t seed = drawing_.seed;
  epoch.order = drawing_.sampling == "balanced"   ? draw_balanced(training, labels_, count, seed, number)
                : drawing_.sampling == "weighted" ? draw_weighted(training, weights_, count, seed, number)
                                                  : draw_each(training, count, seed, number);
  for (const Role role : {Role::validation, Role::test}) {
    std::vector<std::uint32_t> rows = roles_.rows(role, fold);
    if (role == Role::test)  // those that all folds test come last
      std::ranges::stable_partition(rows, [&](std::uint32_t row) { return !roles_.is_held_out(row); });
    epoch.order.insert(epoch.order.end(), rows.begin(), rows.end());
  }
  return epoch;
}

}  // namespace flowrun::wsi
