// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "plan/plan.h"

namespace flowrun {

/// Asks all nodes what packets on their ports take, in order, and which content they need.
void ask_nodes(Plan& plan, Diagnostics& diagnostics);

inline const Costs::Out& out_of(const PlanNode& node, std::size_t port) {
  return node.costs.outputs.at(node.type->outputs[port].name);
}
inline std::size_t input_number(const PlanNode& node, const std::string& name) {
  return static_cast<std::size_t>(node.type->input(name) - node.type->inputs.data());
}
/// It gathers packets and emits these themselves, one a call.
bool passes_on(const PlanNode& node);

}  // namespace flowrun
