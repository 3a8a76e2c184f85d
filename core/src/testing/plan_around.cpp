// SPDX-License-Identifier: Apache-2.0
#include "testing/plan_around.h"

#include <limits>

#include "testing/stub_nodes.h"

namespace flowrun::testing {

PlanAround::PlanAround(const NodeType& type, std::unique_ptr<Node> node, const std::vector<bool>& connected,
                       bool of_run, const std::string& kind, const std::string& scope,
                       std::vector<Emitted>& emitted)
    : number(1 + static_cast<int>(type.inputs.size())),
      in_run(type.role == Role::open || type.inputs.empty()) {
  plan.name = "test";
  plan.scopes_in_flight = std::numeric_limits<int>::max();
  NodeType opener;
  opener.name = "scope";
  opener.role = Role::open;
  opener.outputs = {{kind, "flowrun.test/1"}};
  add(opener, std::make_unique<OpenOne>(of_run || in_run ? "" : scope), -1).slots = 1;
  add_feeds(type);
  add_node(type, std::move(node), connected, of_run);
  add_sinks(type, emitted);
}

PlanNode& PlanAround::add(NodeType type, std::unique_ptr<Node> made, int opener) {
  types_.push_back(std::move(type));
  PlanNode planned;
  planned.type = &types_.back();
  planned.name = types_.back().name;
  planned.node = std::move(made);
  planned.on_error = OnError::skip;
  planned.from.resize(types_.back().inputs.size());
  planned.outer.resize(types_.back().inputs.size());
  planned.to.resize(types_.back().outputs.size());
  planned.way.resize(types_.back().outputs.size());
  planned.wants_tombstones = true;
  planned.opener = opener;
  planned.costs.set_defaults(types_.back());
  return plan.nodes.emplace_back(std::move(planned));
}

void PlanAround::connect(int from, int port, int to, int input) {
  plan.at(to).from[static_cast<std::size_t>(input)] = {from, port};
  plan.at(from).to[static_cast<std::size_t>(port)].push_back({to, input});
}

void PlanAround::add_feeds(const NodeType& tested) {
  for (const InputSpec& input : tested.inputs) {
    NodeType feed;
    feed.name = input.name;
    feed.inputs = {{"never", "flowrun.test/1", false, true}};
    feed.outputs = {{input.name, input.type}};
    // As if it were fed by the opener, which does not know of it: it ends when the test lets it.
    add(feed, std::make_unique<Feed>(), in_run ? -1 : 0).from[0] = {0, 0};
  }
}

void PlanAround::add_node(NodeType tested, std::unique_ptr<Node> made, const std::vector<bool>& connected,
                          bool of_run) {
  tested.name = "node";
  tested.finishes_run = of_run;
  tested.successive = false;
  PlanNode& planned = add(tested, std::move(made), in_run ? -1 : 0);
  const bool ends = (tested.role == Role::gather && tested.finishes) || of_run;
  planned.slots = ends || tested.asks_bytes || planned.makes();
  planned.costs.holds = 1 << 20;
  for (std::size_t i = 0; i < connected.size(); ++i)
    if (connected[i]) connect(feed(i), 0, number, static_cast<int>(i));
}

void PlanAround::add_sinks(const NodeType& tested, std::vector<Emitted>& emitted) {
  const bool for_run = in_run || tested.role == Role::gather_scopes;
  for (std::size_t i = 0; i < tested.outputs.size(); ++i) {
    const OutputSpec& output = tested.outputs[i];
    NodeType sink;
    sink.name = output.name;
    sink.inputs = {{"packet", output.type}};
    const int sink_number = static_cast<int>(plan.nodes.size());
    add(sink, std::make_unique<Collect>(emitted, output.name),
        tested.role == Role::open ? number
        : for_run                 ? -1
                                  : 0);
    connect(number, static_cast<int>(i), sink_number, 0);
  }
}

}  // namespace flowrun::testing
