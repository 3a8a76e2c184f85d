// SPDX-License-Identifier: Apache-2.0
#include "plan/ask_nodes.h"

#include <fmt/format.h>

#include <algorithm>

namespace flowrun {
namespace {

std::string plan_of(PlanNode& node) {
  try {
    node.node->plan(node.costs);
    return {};
  } catch (const OptionError&) {
    throw;
  } catch (const std::exception& problem) {
    return problem.what();
  } catch (...) {
    return "plan() threw what is no std::exception, a mistake of its plugin";
  }
}

void check_costs(const PlanNode& node) {
  const auto refuse = [&](const std::string& what) {
    throw Error(fmt::format("node type '{}' {}: a mistake of its plugin", node.type->name, what));
  };
  if (node.costs.holds > 0 && node.type->role != Role::gather) refuse("holds packets but is no Gather");
  for (const auto& [port, out] : node.costs.outputs) {
    if (!node.type->output(port)) refuse(fmt::format("plans an output '{}' that it does not have", port));
    if (!out.forwarded) continue;
    if (!node.type->input(*out.forwarded))
      refuse(fmt::format("forwards an input '{}' that it does not have", *out.forwarded));
    if ((node.type->role != Role::map && node.type->role != Role::gather) || node.type->asks_bytes)
      refuse("forwards packets; only a Map that does not ask for bytes does, or a Gather");
  }
}

void ask_node(PlanNode& node, const Plan& plan, Diagnostics& diagnostics) {
  for (std::size_t i = 0; i < node.from.size(); ++i) {
    const PortRef from = node.from[i];
    if (from.node < 0) continue;
    const Costs::Out& out = out_of(plan.at(from.node), static_cast<std::size_t>(from.port));
    node.costs.inputs[node.type->inputs[i].name] = *out.bytes;
    node.costs.told_of_inputs[node.type->inputs[i].name] = out.told;
  }
  node.costs.threads = static_cast<std::size_t>(plan.threads);
  try {
    if (const std::string problem = plan_of(node); !problem.empty()) throw Error(problem);
    node.costs.set_defaults(*node.type);
    check_costs(node);
  } catch (const OptionError& problem) {
    const auto place = node.option_places.find(problem.option);
    diagnostics.error(place == node.option_places.end() ? node.place : place->second,
                      fmt::format("'{}': {}", problem.option, problem.what()), problem.fix);
  } catch (const Error& problem) {
    diagnostics.error(node.place, fmt::format("node '{}': {}", node.name, problem.what()));
  }
  node.costs.set_defaults(*node.type);
}

/// Finds the outputs whose packets' content nobody needs.
void find_unwanted(Plan& plan, PlanNode& node, Diagnostics& diagnostics) {
  const auto needs = [&](PortRef to) {
    const PlanNode& taker = plan.at(to.node);
    return taker.node->needs_content(taker.type->inputs[static_cast<std::size_t>(to.port)].name, taker.costs);
  };
  for (std::size_t input = 0; input < node.from.size(); ++input)
    if (node.from[input].node >= 0) node.costs.inputs[node.type->inputs[input].name] = 0;
  try {
    for (std::size_t port = 0; port < node.to.size(); ++port)
      if (std::none_of(node.to[port].begin(), node.to[port].end(), needs))
        node.costs.unwanted.insert(node.type->outputs[port].name);
  } catch (...) {
    diagnostics.error(
        node.place,
        fmt::format("needs_content() of a node after '{}' threw, a mistake of its plugin", node.name));
  }
}

/// Packets without content weigh nothing, also where they are forwarded.
void weigh_nothing_omitted(const Plan& plan, PlanNode& node) {
  for (auto& [port, out] : node.costs.outputs) {
    if (out.forwarded) {
      const PortRef from = node.from[input_number(node, *out.forwarded)];
      if (from.node >= 0)
        out.omitted = out_of(plan.at(from.node), static_cast<std::size_t>(from.port)).omitted;
    }
    if (out.omitted) out.bytes = 0;
  }
}

}  // namespace

void ask_nodes(Plan& plan, Diagnostics& diagnostics) {
  for (auto node = plan.nodes.rbegin(); node != plan.nodes.rend(); ++node)
    find_unwanted(plan, *node, diagnostics);
  for (PlanNode& node : plan.nodes) ask_node(node, plan, diagnostics);
  for (PlanNode& node : plan.nodes) weigh_nothing_omitted(plan, node);
}

bool passes_on(const PlanNode& node) {
  return node.type->role == Role::gather && std::ranges::any_of(node.costs.outputs, [&](const auto& output) {
           const auto& forwarded = output.second.forwarded;
           return forwarded && node.is_stream(input_number(node, *forwarded));
         });
}

bool gather_fewer(Plan& plan, int gatherer, std::size_t count) {
  Costs& gathers = plan.at(gatherer).costs;
  for (auto& [port, out] : gathers.outputs)
    if (!out.forwarded) out.bytes = *out.bytes / (gathers.holds + 1) * count;
  gathers.holds = count - 1;
  std::vector<bool> after(plan.nodes.size());
  after[static_cast<std::size_t>(gatherer)] = true;
  Diagnostics refused("", "");
  for (std::size_t i = static_cast<std::size_t>(gatherer) + 1; i < plan.nodes.size(); ++i) {
    PlanNode& node = plan.nodes[i];
    after[i] = std::ranges::any_of(node.from, [&](PortRef from) {
      return from.node >= 0 && after[static_cast<std::size_t>(from.node)];
    });
    if (!after[i]) continue;
    Costs costs;
    costs.unwanted = node.costs.unwanted;
    node.costs = std::move(costs);
    ask_node(node, plan, refused);
  }
  for (PlanNode& node : plan.nodes) weigh_nothing_omitted(plan, node);
  work_out_leases(plan);
  return refused.empty();
}

}  // namespace flowrun
