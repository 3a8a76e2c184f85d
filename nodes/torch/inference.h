// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

namespace flowrun::torch_nodes {

class Network;
struct ScriptFile;

/// A network that trains no more, on its device, as fast as is known. Thread-safe.
struct Inference {
  /// Of images (float32, images x 3 x rows x columns, RGB, normalised, on the device) what the network gives.
  std::function<at::Tensor(const at::Tensor&)> run;
  std::size_t weight_bytes = 0;  ///< of what it keeps, its code included
};

/// Network::forward, or features().
enum class Wanted { outputs, features };
/// Takes the network for itself: batch normalisation is folded into convolutions, where these are known.
/// `half`: what it computes with, where that is safe, instead of float32.
Inference inference_of(std::shared_ptr<Network> network, Wanted wanted, c10::Device device,
                       std::optional<c10::ScalarType> half);
/// A module that gives one tensor; it computes with `half` in all of its code. Throws Error when it is no
/// module, run() when it gives something else.
Inference inference_of(const ScriptFile& script, c10::Device device, std::optional<c10::ScalarType> half);

/// What tensors take at most, on the CPU, while one thread does `work`: measured. For planning, one at a
/// time: tensors of other threads count, too. Throws what `work` throws.
std::size_t tensor_bytes_of(const std::function<void()>& work);

}  // namespace flowrun::torch_nodes
