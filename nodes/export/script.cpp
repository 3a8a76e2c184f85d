// SPDX-License-Identifier: Apache-2.0
#include "script.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/serialization/export.h>

#include <map>
#include <string>

#include "nodes/torch/model_file.h"
#include "nodes/torch/script_file.h"
#include "nodes/torch/zip_file.h"

namespace flowrun::torch_nodes {
namespace {

/// The module at the end of a dotted name, made if need be; `name` becomes its last part.
torch::jit::Module owner(torch::jit::Module module, std::string& name) {
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.')) {
    const std::string part = name.substr(0, dot);
    if (!module.hasattr(part))
      module.register_module(part, torch::jit::Module(c10::QualifiedName("flowrun.Layer"),
                                                      module._ivalue()->compilation_unit(), true));
    module = module.attr(part).toModule();
    name = name.substr(dot + 1);
  }
  return module;
}

/// A module with the network's tensors, and as its forward what the network does to `example`.
torch::jit::Module trace(Network& network, const at::Tensor& example) {
  torch::jit::Module module("flowrun.Model");
  for (const bool buffers : {false, true})
    for (auto [name, tensor] : buffers ? network.buffers() : network.parameters()) {
      torch::jit::Module at = owner(module, name);
      if (buffers)
        at.register_buffer(name, tensor);
      else
        at.register_parameter(name, tensor, false);
    }
  const auto forward = [&](torch::jit::Stack inputs) {
    return torch::jit::Stack{network.forward(inputs.front().toTensor())};
  };
  const auto no_name = [](const at::Tensor&) { return std::string(); };
  const auto traced =
      torch::jit::tracer::trace({example}, forward, no_name, true, false, &module, {"images"});
  const auto function = module._ivalue()->compilation_unit()->create_function(
      c10::QualifiedName(*module.type()->name(), "forward"), traced.first->graph);
  module.type()->addMethod(function);
  return module;
}

/// The module that was trained, as it came, with the weights that it has now.
torch::jit::Module trained(const Network& network) {
  torch::jit::Module module = ScriptFile{network.code(), "the module"}.module();
  std::map<std::string, at::Tensor> now;
  for (const auto& [name, tensor] : network.state()) now[name] = tensor;
  for (const auto& parameter : module.named_parameters())
    parameter.value.detach().copy_(now.at(parameter.name));
  for (const auto& buffer : module.named_buffers()) buffer.value.detach().copy_(now.at(buffer.name));
  module.eval();
  return module;
}

}  // namespace

void write_script(const std::filesystem::path& file, const Model& model) {
  const c10::NoGradGuard no_grad;
  const auto module = [&] {
    if (model.network->code().defined()) return trained(*model.network);
    // Two images: with one, torch could take the number of images for a constant.
    return trace(*model.network, at::zeros({2, 3, model.facts.height, model.facts.width}));
  };
  try {
    ZipFile out(file);
    torch::jit::ExportModule(module(), out.writer(), {{facts_file, to_text(model.facts)}});
    out.close();
  } catch (const c10::Error& problem) {
    throw Error(fmt::format("{}: {}", file.string(), problem.what_without_backtrace()));
  }
}

}  // namespace flowrun::torch_nodes
