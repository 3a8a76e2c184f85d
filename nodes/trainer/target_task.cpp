// SPDX-License-Identifier: Apache-2.0
#include "target_task.h"

#include "mean.h"

namespace flowrun::torch_nodes {
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
