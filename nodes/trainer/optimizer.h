// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/network.h>

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "training_options.h"

namespace torch::optim {
class Optimizer;
}

namespace flowrun::torch_nodes {

/// torch's AdamW or SGD over the parameters that are learnt.
class Optimizer {
 public:
  /// `rates`: what the learning rate is multiplied with, by parameter; none: all 1.
  Optimizer(const TrainingOptions& options, NamedTensors parameters, const std::vector<double>& rates = {});
  ~Optimizer();

  /// `momentum`: of sgd, or the first beta of adamw, from now on.
  void step(double learning_rate, std::optional<double> momentum = {});
  /// Sets gradients to none.
  void forget_gradients();
  const NamedTensors& parameters() const { return parameters_; }

  /// What it remembers from step to step, by the parameters' names ("fc.bias.exp_avg"); shares memory.
  NamedTensors state() const;
  std::int64_t steps() const { return steps_; }
  /// Throws Error when the state is of other parameters.
  void restore(const std::map<std::string, at::Tensor>& state, std::int64_t steps);

 private:
  NamedTensors parameters_;
  std::unique_ptr<torch::optim::Optimizer> of_torch_;
  std::vector<double> rates_;  // by its group of parameters
  bool adamw_;
  std::int64_t steps_ = 0;
};

}  // namespace flowrun::torch_nodes
