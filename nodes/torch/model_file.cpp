// SPDX-License-Identifier: Apache-2.0
#include "model_file.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/serialization/import.h>

#include <nlohmann/json.hpp>

#include "pickle_file.h"
#include "state_dict.h"

namespace flowrun::torch_nodes {
namespace {

using nlohmann::json;

constexpr const char* facts_file = "flowrun.json";

std::string to_text(const ModelFacts& facts) {
  return json{{"architecture", facts.architecture},
              {"classes", facts.classes},
              {"width", facts.width},
              {"height", facts.height},
              {"mean", facts.mean},
              {"std", facts.std}}
      .dump();
}

ModelFacts facts_from(const std::string& text) {
  const json all = json::parse(text);
  return {all.at("architecture"), all.at("classes"), all.at("width"),
          all.at("height"),       all.at("mean"),    all.at("std")};
}

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

}  // namespace

bool Checkpoint::has(const std::string& name) const {
  return all.toGenericDict().contains(name);
}

c10::IValue Checkpoint::entry(const std::string& name) const {
  if (!has(name)) throw Error("it has no '" + name + "'");
  return all.toGenericDict().at(name);
}

Checkpoint read_checkpoint(const std::filesystem::path& file) {
  Checkpoint out{read_pickle(file), {}};
  const auto is_checkpoint = [&] {
    return out.all.isGenericDict() && out.has("format") && out.entry("format").isString() &&
           out.entry("format").toStringRef() == checkpoint_format;
  };
  if (!is_checkpoint()) throw Error(fmt::format("{} is no checkpoint of flowrun", file.string()));
  try {
    out.facts = facts_from(out.entry("facts").toStringRef());
  } catch (const std::exception& problem) {
    throw Error(fmt::format("{} is damaged: {}", file.string(), problem.what()));
  }
  return out;
}

void add_facts(const ModelFacts& facts, c10::impl::GenericDict& checkpoint) {
  checkpoint.insert("facts", to_text(facts));
}

namespace {

Model read_script(const std::filesystem::path& file, const std::vector<std::string>& classes) {
  Model model;
  torch::jit::ExtraFilesMap extra{{facts_file, ""}};
  model.network = load_script(file.string());
  torch::jit::load(file.string(), at::kCPU, extra);
  if (!extra[facts_file].empty()) {
    model.facts = facts_from(extra[facts_file]);
  } else {
    model.facts.architecture = file.string();
    model.facts.mean = {0.485, 0.456, 0.406};
    model.facts.std = {0.229, 0.224, 0.225};
  }
  if (!classes.empty()) model.facts.classes = classes;
  if (model.facts.classes.empty())
    throw Error(fmt::format("{} does not say what its classes are; give `classes`", file.string()));
  return model;
}

}  // namespace

Model read_model(const std::filesystem::path& file, const std::vector<std::string>& classes) {
  if (!std::filesystem::is_regular_file(file))
    throw Error(fmt::format("there is no model {}", file.string()));
  Model model;
  c10::IValue all;
  try {
    all = read_pickle(file);
  } catch (const Error&) {  // perhaps TorchScript, which says more when it is none either
  }
  if (!all.isGenericDict()) {
    model = read_script(file, classes);
  } else {
    const Checkpoint checkpoint = read_checkpoint(file);
    model.facts = checkpoint.facts;
    const bool known = std::find(architectures().begin(), architectures().end(), model.facts.architecture) !=
                       architectures().end();
    model.network =
        known ? make_network(model.facts.architecture, static_cast<std::int64_t>(model.facts.classes.size()))
              : load_script(model.facts.architecture);
    load_weights(*model.network, read_state_dict(file), file.string());
  }
  model.network->train(false);
  return model;
}

void write_script(const std::filesystem::path& file, const Model& model) {
  const at::NoGradGuard no_grad;
  model.network->train(false);
  // Two images: with one, torch could take the number of images for a constant.
  const at::Tensor example = at::zeros({2, 3, model.facts.height, model.facts.width});
  trace(*model.network, example).save(file.string(), {{facts_file, to_text(model.facts)}});
}

}  // namespace flowrun::torch_nodes
