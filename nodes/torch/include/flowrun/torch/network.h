// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace flowrun::torch_nodes {

class Ranks;

/// Tensors by name, in the network's order.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// A classifier of images. Not thread-safe, but that any number of threads may call forward() while it is not
/// training.
class Network {
 public:
  virtual ~Network() = default;

  /// Logits, samples x classes, of images (float32, samples x 3 x height x width, RGB, normalised).
  virtual at::Tensor forward(const at::Tensor& images) = 0;
  /// What the last layer makes logits of: samples x dimensions. Throws Error where that is not known.
  virtual at::Tensor features(const at::Tensor& images);
  /// Batch statistics and dropout on or off.
  virtual void train(bool on) = 0;
  virtual void to(c10::Device device) = 0;

  /// What is learnt; shares memory with the network.
  virtual NamedTensors parameters() const = 0;
  /// Running statistics; shares memory with the network.
  virtual NamedTensors buffers() const = 0;
  /// The names of the last layer's parameters begin with it ("fc."); empty when it is not known.
  virtual std::string head() const { return {}; }
  /// Keep only what goes into each block, and compute what is within it again in the backward pass: less
  /// memory for more time, the same gradients. False when the network has no blocks to do so.
  virtual bool checkpoint_blocks(bool /*on*/) { return false; }

  /// Where several ranks train: batch normalisation has the statistics of the samples of all. False where its
  /// layers are not known.
  virtual bool join_batch_norms(const std::shared_ptr<Ranks>& /*ranks*/) { return false; }

  /// For one that trains no more: convolutions do what batch normalisation did behind them, in less time; the
  /// same outputs but for their last digits. Does nothing where these are not known.
  virtual void fold_batch_norms() {}
  /// For one that trains no more, on the CPU: convolutions keep their weights as `type` in the layout that
  /// oneDNN likes best, and hand on what they compute in it. Weights can no longer be read then, nor
  /// converted. False where it was not measured to gain, or is not known: nothing is changed.
  virtual bool use_onednn(c10::ScalarType /*type*/) { return false; }

  /// The file of a TorchScript module, as it was before training: bytes. Undefined of other networks.
  virtual at::Tensor code() const { return {}; }
  /// Where the random numbers of training stand (dropout): bytes by name. restore_random() throws Error when
  /// they are of another network.
  virtual NamedTensors random_state() const = 0;
  virtual void restore_random(const std::map<std::string, at::Tensor>& state) = 0;

  /// Parameters and buffers.
  NamedTensors state() const;
};

/// The architectures that make_network() knows.
const std::vector<std::string>& architectures();
bool is_architecture(const std::string& name);

/// A network with random weights, distributed as torchvision's: resnet18, resnet34, resnet50 (He et al. 2015,
/// stride in the 3 x 3 convolution), efficientnet_b0 (Tan and Le 2019). They, and what training draws, depend
/// on the seed alone, not on torch's default generators. Its parameters have torchvision's names. Throws
/// Error for other names.
std::unique_ptr<Network> make_network(const std::string& architecture, std::int64_t classes,
                                      std::uint64_t seed = 0);

}  // namespace flowrun::torch_nodes
