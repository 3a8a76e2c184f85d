// SPDX-License-Identifier: Apache-2.0
#include "script_output.h"

#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <array>

namespace flowrun::torch_nodes {
namespace {

using torch::jit::Node;

/// Of what a value is that a graph computes.
std::string kind_of(const torch::jit::Value* value) {
  static constexpr std::array keeps{
      "aten::to",      "aten::type_as",        "aten::float", "aten::double",  "aten::detach",
      "aten::clone",   "aten::contiguous",     "aten::view",  "aten::reshape", "aten::flatten",
      "aten::squeeze", "prim::unchecked_cast", "aten::alias"};
  const Node* node = value->node();
  const std::string name = node->kind().toQualString();
  if (name == "aten::softmax" || name == "aten::_softmax" || name == "aten::softmax_") return "probabilities";
  if (name == "aten::sigmoid" || name == "aten::sigmoid_") return "sigmoids";
  if (std::ranges::find(keeps, name) != keeps.end()) return kind_of(node->input(0));
  if (name != "prim::If") return "logits";
  // As torch.nn.functional.softmax has it: the branches say the same, or nothing is known.
  const std::string kind = kind_of(node->blocks().front()->outputs().at(value->offset()));
  const bool all = std::ranges::all_of(node->blocks(), [&](const torch::jit::Block* block) {
    return kind_of(block->outputs().at(value->offset())) == kind;
  });
  return all ? kind : "logits";
}

}  // namespace

std::string output_by_code(const torch::jit::Module& module) {
  const auto graph = module.get_method("forward").graph()->copy();
  torch::jit::Inline(*graph);
  return graph->outputs().size() == 1 ? kind_of(graph->outputs().front()) : "logits";
}

std::string output_by_code(const ScriptFile& script) {
  return output_by_code(script.module());
}

}  // namespace flowrun::torch_nodes
