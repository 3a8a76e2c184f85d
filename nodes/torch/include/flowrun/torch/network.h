// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace flowrun::torch_nodes {

/// Tensors by name, in the network's order.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// A classifier of images. Not thread-safe, but that any number of threads may call forward() while it is not
/// training.
class Network {
 public:
  virtual ~Network() = default;

  /// Logits, samples x classes, of images (float32, samples x 3 x height x width, RGB, normalised).
  virtual at::Tensor forward(const at::Tensor& images) = 0;
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

  /// Parameters and buffers.
  NamedTensors state() const;
};

/// The architectures that make_network() knows.
const std::vector<std::string>& architectures();
bool is_architecture(const std::string& name);

/// A network with random weights, drawn from torch's default generator as torchvision does: resnet18,
/// resnet34, resnet50 (He et al. 2015, stride in the 3 x 3 convolution), efficientnet_b0 (Tan and Le 2019).
/// Its parameters have torchvision's names. Throws Error for other names.
std::unique_ptr<Network> make_network(const std::string& architecture, std::int64_t classes);

/// A TorchScript module that maps images to `output`: "logits", "probabilities" (of these forward() gives the
/// logarithms, which are logits of theirs), or "auto": probabilities when its code ends in softmax, else
/// logits. Throws Error when `file` is none. forward() throws Error when the numbers are not of that kind, as
/// far as they tell.
std::unique_ptr<Network> load_script(const std::string& file, const std::string& output);
/// The same; `text` gets the content of the file of this name that it carries, or nothing.
std::unique_ptr<Network> load_script(const std::string& file, const std::string& output,
                                     const std::string& name, std::string& text);

}  // namespace flowrun::torch_nodes
