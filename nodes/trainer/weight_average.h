// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/network.h>

#include <map>
#include <string>

namespace flowrun::torch_nodes {

/// The exponential moving average of a network's weights over the steps of a training (Polyak and Juditsky
/// 1992), as torch.optim.swa_utils.AveragedModel with use_buffers: the weights after the first step, then
/// decay times the average + (1 - decay) times the weights after each. Running statistics of batch
/// normalisation are averaged likewise; counts of batches are not. Not thread-safe.
class WeightAverage {
 public:
  /// `weights`: of the network, whose memory they share.
  WeightAverage(double decay, const NamedTensors& weights);

  /// After a step; `is_first` of the training.
  void update(bool is_first);

  /// Puts the average into the network in the place of the weights that are trained, until it goes out of
  /// scope.
  class InPlace {
   public:
    explicit InPlace(WeightAverage& average) : average_(average) { average_.exchange(); }
    ~InPlace() { average_.exchange(); }
    InPlace(const InPlace&) = delete;

   private:
    WeightAverage& average_;
  };

  /// What is not in the network: the average or, while that is in place, the weights that are trained.
  NamedTensors aside() const { return aside_; }
  /// Throws Error when they do not fit.
  void restore_aside(const std::map<std::string, at::Tensor>& tensors);

 private:
  void exchange();

  double decay_;
  NamedTensors weights_, aside_;
};

}  // namespace flowrun::torch_nodes
