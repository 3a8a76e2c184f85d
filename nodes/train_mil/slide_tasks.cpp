// SPDX-License-Identifier: Apache-2.0
#include "slide_tasks.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include "nodes/mil/slide_outputs.h"
#include "nodes/trainer/task_kind.h"

namespace flowrun::torch_nodes {

std::unique_ptr<Task> make_slide_task(const TrainingOptions& options, std::int64_t intervals,
                                      const BagSet& set, std::size_t fold) {
  if (set.targets.empty() != of_classes(options.task))
    throw Error(fmt::format("task: {} needs {} of the node of type bags", options.task,
                            of_classes(options.task) ? "labels, but there are `targets`" : "`targets`"));
  if (options.task == "ordinal") return make_ordinal(set.classes);
  if (loss_name(options) == "cox") {
    check_times(set);
    return make_cox();
  }
  if (options.task == "survival") return make_survival(ends_of_intervals(set, intervals));
  if (options.task == "regression") return make_regression(options, set.targets);
  try {
    return make_classification(options, set.classes, set.class_counts(fold));
  } catch (const Error& problem) {
    throw Error(fmt::format("fold {}: {}", fold, problem.what()));
  }
}

}  // namespace flowrun::torch_nodes
