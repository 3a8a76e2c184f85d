// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

namespace flowrun::torch_nodes {

/// The mean of numbers, or nothing when one of them is missing.
class Mean {
 public:
  void add(const std::optional<double>& value) {
    complete_ = complete_ && value;
    sum_ += value.value_or(0), ++count_;
  }
  std::optional<double> value() const {
    if (!complete_ || count_ == 0) return {};
    return sum_ / count_;
  }

 private:
  bool complete_ = true;
  double sum_ = 0;
  int count_ = 0;
};

}  // namespace flowrun::torch_nodes
