// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "task.h"

namespace flowrun::torch_nodes {

/// A task whose outputs are the targets of samples, a number for each.
class TargetTask : public Task {
 public:
  using Task::Task;

 protected:
  /// Of one target, by its index.
  using Metric = std::function<std::optional<double>(const std::vector<Scored>& samples, std::size_t target)>;
  /// Adds the mean over targets as `name`, null where one is missing, and that of each as `name`_<target>.
  void add(const std::string& name, const std::vector<Scored>& samples, const Metric& metric,
           History::Row& row) const;
};

}  // namespace flowrun::torch_nodes
