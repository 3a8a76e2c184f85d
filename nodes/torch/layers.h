// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace flowrun::torch_nodes {

class Ranks;

class RandomSource;
/// Of the network that a layer is of.
using Randomness = std::shared_ptr<RandomSource>;

/// A layer or block that maps one tensor to one.
class Layer : public torch::nn::Module {
 public:
  virtual at::Tensor forward(const at::Tensor& x) = 0;
};

/// Layers one after the other, named "0", "1", ...
class Layers : public Layer {
 public:
  template <class L, class... Args>
  Layers& add(Args&&... args) {
    layers_.push_back(
        register_module(std::to_string(layers_.size()), std::make_shared<L>(std::forward<Args>(args)...)));
    return *this;
  }
  at::Tensor forward(const at::Tensor& x) override;

 private:
  std::vector<std::shared_ptr<Layer>> layers_;
};

/// A square convolution, its weights drawn as in He et al. 2015 (fan out), its bias 0.
class Convolution : public Layer {
 public:
  struct Shape {
    std::int64_t in, out, kernel, stride = 1, groups = 1;
    bool bias = false;
  };
  Convolution(const Shape& shape, const Randomness& random);
  at::Tensor forward(const at::Tensor& x) override;
  /// What it gives of each channel becomes `factors` times as much, plus `shifts`.
  void scale(const at::Tensor& factors, const at::Tensor& shifts);
  /// From now on forward() takes and gives tensors in oneDNN's own layout, of `type`, as its weights are
  /// kept.
  void pack(c10::ScalarType type);

 private:
  Shape shape_;
  at::Tensor weight_, bias_;
};

/// Batch normalisation (Ioffe and Szegedy 2015). While checkpoint() computes again, it leaves its running
/// statistics alone: they have seen the batch. One value a channel has no variance: Error.
class BatchNorm : public Layer {
 public:
  explicit BatchNorm(std::int64_t channels);
  at::Tensor forward(const at::Tensor& x) override;
  /// Has `before` do what it does while it is not training, and does nothing from then on.
  void fold_into(Convolution& before);
  /// From now on with the statistics of all ranks.
  void join(std::shared_ptr<Ranks> ranks) { ranks_ = std::move(ranks); }

 private:
  bool folded_ = false;
  std::shared_ptr<Ranks> ranks_;
  at::Tensor weight_, bias_, mean_, variance_, batches_;
};

/// A linear map, its weights drawn uniformly from -bound to bound, its bias too or 0.
class Linear : public Layer {
 public:
  Linear(std::int64_t in, std::int64_t out, double bound, bool zero_bias, const Randomness& random);
  at::Tensor forward(const at::Tensor& x) override;

 private:
  at::Tensor weight_, bias_;
};

class Silu : public Layer {
 public:
  at::Tensor forward(const at::Tensor& x) override;
};

class Dropout : public Layer {
 public:
  Dropout(double share, Randomness random) : share_(share), random_(std::move(random)) {}
  at::Tensor forward(const at::Tensor& x) override;

 private:
  double share_;
  Randomness random_;
};

/// What comes before blocks, blocks, what makes one vector of an image, and a last layer.
class BlockNetwork : public Layer {
 public:
  explicit BlockNetwork(Randomness random) : random(std::move(random)) {}
  at::Tensor forward(const at::Tensor& x) final { return last_layer(features(x)); }
  /// What the last layer is given: samples x dimensions.
  at::Tensor features(const at::Tensor& x);
  /// See Network::fold_batch_norms.
  void fold_batch_norms();
  /// See Network::join_batch_norms.
  void join_batch_norms(const std::shared_ptr<Ranks>& ranks);
  /// See Network::use_onednn.
  virtual bool use_onednn(c10::ScalarType) { return false; }
  bool checkpointed = false;  ///< see checkpoint()
  const Randomness random;

 protected:
  virtual at::Tensor before_blocks(const at::Tensor& x) = 0;
  virtual at::Tensor after_blocks(const at::Tensor& x) = 0;
  virtual at::Tensor last_layer(const at::Tensor& x) = 0;
  /// before_blocks() and blocks, of which convolutions, ReLU, sums and pooling of maxima may be part, get
  /// tensors in oneDNN's layout from now on.
  void pack(c10::ScalarType type);
  std::vector<std::shared_ptr<Layer>> blocks_;

 private:
  std::optional<c10::ScalarType> packed_;
};

/// Runs `block`, but keeps only `x` for the backward pass, which runs it again with the same random numbers
/// and precision (Chen et al. 2016, "Training deep nets with sublinear memory cost").
at::Tensor checkpoint(const std::shared_ptr<Layer>& block, const at::Tensor& x, const Randomness& random);
/// `x`, of which `share` is left out at random, each of `shape` by itself, and the rest grows by as much.
at::Tensor drop_out(const at::Tensor& x, at::IntArrayRef shape, double share, RandomSource& random);

}  // namespace flowrun::torch_nodes
