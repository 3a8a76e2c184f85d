// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/network.h>

#include <map>
#include <optional>
#include <vector>

#include "training_options.h"

namespace flowrun::torch_nodes {

/// AdamW (Loshchilov and Hutter 2019) or SGD with momentum over the parameters that are learnt: the numbers
/// of torch's, operation by operation, but in pieces that stay in the cache, on torch's threads. What it
/// gives does not depend on their number.
class Optimizer {
 public:
  /// `rates`: what the learning rate is multiplied with, by parameter; none: all 1.
  Optimizer(const TrainingOptions& options, NamedTensors parameters, const std::vector<double>& rates = {});

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
  /// How a parameter is learnt, and what is remembered of it; what never had a gradient has no averages.
  struct Learnt {
    double rate;  ///< times the learning rate
    double decay;
    std::int64_t steps = 0;  ///< of adamw
    at::Tensor average{};    ///< of the gradient: exp_avg or momentum_buffer
    at::Tensor square{};     ///< of its square, of adamw: exp_avg_sq
  };

  NamedTensors parameters_;
  std::vector<Learnt> learnt_;  // by parameter
  bool adamw_;
  double momentum_;
  std::int64_t steps_ = 0;
};

}  // namespace flowrun::torch_nodes
