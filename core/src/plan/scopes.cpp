// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <set>

#include "plan/plan.h"

namespace flowrun {
namespace {

/// Takes the scope of its inputs: that of all streams, and of inputs with one packet per scope unless that
/// comes from the run.
void assign_scope(Plan& plan, PlanNode& node, Diagnostics& diagnostics) {
  for (const PortRef from : node.from) {
    if (from.node < 0 || plan.opener_of(from) < 0) continue;
    if (node.opener >= 0 && plan.opener_of(from) != node.opener)
      diagnostics.error(node.place,
                        fmt::format("the inputs of node '{}' belong to different sources", node.name),
                        "take all of them from nodes behind the same source");
    node.opener = plan.opener_of(from);
  }
  if (node.opener < 0) return;
  const std::string& opener = plan.at(node.opener).name;
  if (node.type->role == Role::open)
    diagnostics.error(node.place, "scopes within scopes of a source are not supported",
                      "open them from the run");
  for (std::size_t i = 0; i < node.from.size(); ++i) {
    if (node.from[i].node < 0 || plan.opener_of(node.from[i]) >= 0) continue;
    node.outer[i] = true;
    if (node.type->inputs[i].per_scope) continue;
    diagnostics.error(
        node.place,
        fmt::format(
            "input '{}' of node '{}' takes packets of the run, but its other inputs take those behind '{}'",
            node.type->inputs[i].name, node.name, opener),
        "only an input with one packet per scope may take a packet of the run");
  }
}

/// Which openers' scopes must have ended before other openers may begin theirs.
class Waiting {
 public:
  explicit Waiting(const Plan& plan) : plan_(plan), gathered_(plan.nodes.size()), before_(plan.nodes.size()) {
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const PlanNode& node = plan.nodes[i];
      for (std::size_t input = 0; input < node.from.size(); ++input) {
        if (node.from[input].node < 0) continue;
        const auto& of_input = gathered_[static_cast<std::size_t>(node.from[input].node)];
        if (node.opener < 0) gathered_[i].insert(of_input.begin(), of_input.end());
        if (node.outer[input])
          before_[static_cast<std::size_t>(node.opener)].insert(of_input.begin(), of_input.end());
      }
      if (node.type->role == Role::gather_scopes && node.opener >= 0) gathered_[i] = {node.opener};
      if (node.type->role == Role::open) before_[i].insert(gathered_[i].begin(), gathered_[i].end());
    }
  }

  /// Whether the packets of a node of the run are there only after scopes of `opener`.
  bool after(int node, int opener) const {
    std::set<int> seen;
    return leads_to(gathered_[static_cast<std::size_t>(node)], opener, seen);
  }

 private:
  bool leads_to(const std::set<int>& openers, int wanted, std::set<int>& seen) const {
    for (const int opener : openers) {
      if (opener == wanted) return true;
      if (seen.insert(opener).second && leads_to(before_[static_cast<std::size_t>(opener)], wanted, seen))
        return true;
    }
    return false;
  }

  const Plan& plan_;
  std::vector<std::set<int>> gathered_;  // by node of the run: openers of scopes that it is gathered from
  std::vector<std::set<int>> before_;    // by opener: those that must have ended
};

}  // namespace

int Plan::opener_of(PortRef output) const {
  const PlanNode& node = at(output.node);
  if (node.type->role == Role::open) return output.node;
  return node.type->role == Role::gather_scopes ? -1 : node.opener;
}

void assign_scopes(Plan& plan, Diagnostics& diagnostics) {
  for (PlanNode& node : plan.nodes) assign_scope(plan, node, diagnostics);
  if (!diagnostics.empty()) return;
  const Waiting waiting(plan);
  for (const PlanNode& node : plan.nodes)
    for (std::size_t i = 0; i < node.from.size(); ++i) {
      if (!node.outer[i] || !waiting.after(node.from[i].node, node.opener)) continue;
      const PlanNode& opener = plan.at(node.opener);
      diagnostics.error(node.place,
                        fmt::format("'{}' waits for '{}', which is made when every {} of '{}' has ended, but "
                                    "'{}' works within them",
                                    node.name, plan.at(node.from[i].node).name, plan.kind_of(node.opener),
                                    opener.name, node.name),
                        fmt::format("open them again for '{}' by a second node of type '{}'", node.name,
                                    opener.type->name));
    }
}

}  // namespace flowrun
