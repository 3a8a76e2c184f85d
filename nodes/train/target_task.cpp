// SPDX-License-Identifier: Apache-2.0
#include "target_task.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include "mean.h"

namespace flowrun::torch_nodes {
namespace {

const std::vector<std::string>& names_of(const Batch& first) {
  if (!first.target_names)
    throw Error(
        "samples have no targets; name the columns of the table that are to be predicted: `targets` of the "
        "node of type epochs");
  return *first.target_names;
}

}  // namespace

TargetTask::TargetTask(const Batch& first) : Task(names_of(first)) {}

at::Tensor TargetTask::targets(const Batch& batch) const {
  const auto count = static_cast<std::int64_t>(outputs().size());
  if (!batch.targets.defined() || batch.targets.dim() != 2 || batch.targets.size(0) != batch.images.size(0) ||
      batch.targets.size(1) != count)
    throw Error(fmt::format("a batch has no {} targets for each of its samples", count));
  return batch.targets;
}

void TargetTask::add(const std::string& name, const std::vector<Scored>& samples, const Metric& metric,
                     History::Row& row) const {
  row[name] = nullptr;
  Mean mean;
  for (std::size_t i = 0; i < outputs().size(); ++i) {
    const auto value = samples.empty() ? std::nullopt : metric(samples, i);
    mean.add(value);
    row[name + "_" + outputs()[i]] = or_null(value);
  }
  row[name] = or_null(mean.value());
}

}  // namespace flowrun::torch_nodes
