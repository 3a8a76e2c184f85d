// SPDX-License-Identifier: Apache-2.0
#include "inference.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <flowrun/torch/network.h>
#include <fmt/format.h>
#include <torch/csrc/jit/api/module.h>

#include <algorithm>
#include <utility>

#include "autocast.h"
#include "device.h"
#include "script_file.h"
#include "tensor_memory.h"

namespace flowrun::torch_nodes {
namespace {

std::size_t bytes_of(const NamedTensors& tensors) {
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += tensor.nbytes();
  return bytes;
}

/// libtorch hands its opaque tensors to oneDNN in bfloat16 only with these.
bool onednn_computes(std::optional<c10::ScalarType> half) {
#if defined(__x86_64__)
  const bool has_bf16 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512dq");
#else
  const bool has_bf16 = false;
#endif
  return at::hasMKLDNN() && (!half || (half == at::kBFloat16 && has_bf16));
}

}  // namespace

Inference inference_of(std::shared_ptr<Network> network, Wanted wanted, c10::Device device,
                       std::optional<c10::ScalarType> half) {
  keep_tensor_memory();  // each batch takes the same again
  const at::Tensor code = network->code();
  Inference inference;
  inference.weight_bytes = bytes_of(network->state()) + (code.defined() ? code.nbytes() : 0);
  network->train(false);
  network->to(device);
  network->fold_batch_norms();
  const bool by_onednn =
      device.is_cpu() && onednn_computes(half) && network->use_onednn(half.value_or(at::kFloat));
  // Modules of others may count on the layout that they know.
  const bool plain = by_onednn || code.defined();
  const auto layout = plain ? at::MemoryFormat::Contiguous : at::MemoryFormat::ChannelsLast;
  if (!plain)
    for (auto& [name, tensor] : network->parameters())
      if (tensor.dim() == 4) tensor.set_data(tensor.contiguous(layout));
  inference.run = [network = std::move(network), wanted, layout,
                   setting = Autocast::Setting{device.type(), half}](const at::Tensor& images) {
    const Autocast precision(setting);
    const at::Tensor x = images.contiguous(layout);
    return wanted == Wanted::outputs ? network->forward(x) : network->features(x);
  };
  return inference;
}

Inference inference_of(const ScriptFile& script, c10::Device device, std::optional<c10::ScalarType> half) {
  keep_tensor_memory();
  torch::jit::Module module = script.module();
  module.eval();
  module.to(device);
  if (half) module.to(*half);
  Inference inference;
  for (const auto& tensor : module.parameters()) inference.weight_bytes += tensor.nbytes();
  for (const auto& tensor : module.buffers()) inference.weight_bytes += tensor.nbytes();
  // Frozen modules have their weights in their code.
  inference.weight_bytes = std::max<std::size_t>(inference.weight_bytes, script.bytes.nbytes());
  // Folded in half precision, batch norms would be rounded once more; frozen weights cannot be converted.
  inference.run = [module = std::make_shared<torch::jit::Module>(frozen(std::move(module), !half)), half,
                   source = script.source](const at::Tensor& images) {
    const c10::IValue out = module->forward({half ? images.to(*half) : images});
    if (!out.isTensor())
      throw Error(
          fmt::format("{} gives a {}, expected one tensor: trace it so that it does", source, out.tagKind()));
    return out.toTensor();
  };
  return inference;
}

std::size_t tensor_bytes_of(const std::function<void()>& work) {
  const ModelThreads one(1);
  const PeakOfTensors peak;
  work();
  return peak.bytes();
}

}  // namespace flowrun::torch_nodes
