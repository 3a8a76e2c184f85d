// SPDX-License-Identifier: Apache-2.0
#include "run/node_calls.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "plan/ask_nodes.h"
#include "run/done_scopes.h"
#include "run/part_run.h"

namespace flowrun {
namespace {

/// Those of the packets that the call is for; packets of the whole scope stay leased anyway.
std::vector<Lease> leases_of(const Inputs& inputs) {
  std::vector<Lease> leases;
  for (std::size_t i = 0; i < inputs.packets().size(); ++i)
    if (inputs.packets()[i].lease && !inputs.ports()[i].per_scope)
      leases.push_back(inputs.packets()[i].lease);
  return leases;
}

/// What a packet that is passed on holds: the leases of what the node does not share any more, or never did.
/// `before`: those that it held before the call; `after`: of these, in the same order, what it still shares;
/// `own`: of the packet of the call.
std::vector<Lease> let_go(const std::vector<Lease>& before, const std::vector<Lease>& after,
                          const Inputs& inputs, const std::vector<Lease>& own) {
  std::vector<Lease> gone;
  if (std::ranges::all_of(inputs.shares(), [](const auto& share) { return share.expired(); })) gone = own;
  auto kept = after.begin();
  for (const Lease& lease : before)
    if (kept != after.end() && *kept == lease)
      ++kept;
    else
      gone.push_back(lease);
  return gone;
}

}  // namespace

Inputs NodeCalls::inputs_of(Job& job) {
  NodeScope& here = job.scope->at(job.node);
  const NodeType& type = *state_.plan_of(job.node).type;
  job.packets.resize(type.inputs.size());
  return Inputs(type.inputs, std::move(job.packets), here, here.state);
}

void NodeCalls::call(Job& job) {
  if (state_.stopping()) job.scope->fail();
  if (job.scope->failed() || state_.at(job.node).left) return leave_out(job);
  switch (state_.plan_of(job.node).type->role) {
    case Role::map:
      return map(job);
    case Role::write:
    case Role::gather_scopes:
      return write(job);
    case Role::gather:
      return gather(job);
    case Role::make:
    case Role::open:
      return start(job);
  }
}

/// Of a scope that failed, or a node that is left to the run of all.
void NodeCalls::leave_out(Job& job) {
  const NodeType& type = *state_.plan_of(job.node).type;
  job.packets.clear();
  if (Counts& counts = job.scope->at(job.node).counts; !state_.plan_of(job.node).makes())
    state_.at(job.node).left ? counts.drop(1) : counts.failed_one();
  if (type.asks_bytes && !job.lease)
    state_.budget->close(*state_.at(job.node).packets, {job.scope->age(), job.index});
  job.lease = nullptr;
  std::vector<Outputs::Emission> none;
  if (type.role == Role::map) state_.router->send(job.scope, job.node, none, job.index);
  state_.router->conclude(job.scope, job.node, job.index);
}

/// What the node asks for before the call. False: the call waits for it and will be made anew.
bool NodeCalls::has_lease(Job& job) {
  const PlanNode& node = state_.plan_of(job.node);
  if (!node.type->asks_bytes || job.lease) return true;
  NodeScope& here = job.scope->at(job.node);
  const CallBytes asked =
      static_cast<const Map&>(*node.node).bytes(Inputs(node.type->inputs, job.packets, here, here.state));
  job.out_bytes = asked.out + node.beyond;
  const std::size_t bytes = asked.out + std::max(asked.scratch, node.beyond);
  return state_.lease(*state_.at(job.node).packets, job.index, bytes, job);
}

void NodeCalls::map(Job& job) {
  const PlanNode& node = state_.plan_of(job.node);
  std::vector<Outputs::Emission> emissions;
  try {
    job.packets.resize(node.type->inputs.size());
    if (!has_lease(job)) return;
    Inputs inputs = inputs_of(job);
    Outputs outputs(node.type->outputs, &inputs, job.lease ? job.lease : joined(leases_of(inputs)),
                    job.index);
    state_.log.measure(CallLog::What::process, job.node, job.scope, job.index,
                       [&] { static_cast<Map&>(*node.node).process(inputs, outputs); });
    check_call(outputs);
    if (job.lease) state_.budget->shrink(job.lease, job.out_bytes);
    state_.tell(*job.scope, job.node, outputs);
    job.scope->at(job.node).counts.count(outputs, !node.type->outputs.empty());
    emissions = std::move(outputs.emissions());
  } catch (...) {
    job.scope->at(job.node).counts.failed_one();
    if (node.type->asks_bytes && !job.lease)
      state_.budget->close(*state_.at(job.node).packets, {job.scope->age(), job.index});
    state_.report(*job.scope, job.node, node.on_error, std::current_exception());
  }
  job.lease = nullptr;
  state_.router->send(job.scope, job.node, emissions, job.index);
  state_.router->conclude(job.scope, job.node, job.index);
}

void NodeCalls::write(Job& job) {
  const PlanNode& node = state_.plan_of(job.node);
  HeldAction held;
  try {
    Inputs inputs = inputs_of(job);
    Outputs outputs(node.type->outputs, &inputs, nullptr, job.index);
    state_.log.measure(CallLog::What::process, job.node, job.scope, job.index, [&] {
      held.action = node.type->role == Role::write
                        ? static_cast<Write&>(*node.node).process(inputs, outputs)
                        : static_cast<GatherScopes&>(*node.node).process(inputs, outputs);
    });
    check_call(outputs);
    if (!outputs.emissions().empty())
      throw std::logic_error("a node that gathers scopes emits only what finish_run() gives");
    state_.tell(*job.scope, job.node, outputs);
    job.scope->at(job.node).counts.count(outputs, false);
    if (held.action) held.leases = leases_of(inputs);
  } catch (...) {
    held.action = {};
    held.leases.clear();
    job.scope->at(job.node).counts.failed_one();
    state_.report(*job.scope, job.node, node.on_error, std::current_exception());
  }
  held.since = CallLog::Clock::now();
  state_.router->conclude(job.scope, job.node, job.index, std::move(held));
}

void NodeCalls::act(const ScopePtr& scope, int node, std::uint64_t index, HeldAction& held) {
  state_.log.waited_for_order(node, *scope, index, held.since);
  if (state_.stopping()) scope->fail();
  if (scope->failed()) return;
  try {
    state_.log.measure(CallLog::What::act, node, scope, index, held.action);
  } catch (...) {
    // Its packet counts as processed already; what should follow from it is missing.
    state_.report_for_good(*scope, node, std::current_exception());
  }
}

void NodeCalls::gather(Job& job) {
  const PlanNode& node = state_.plan_of(job.node);
  NodeScope& here = job.scope->at(job.node);
  std::vector<Outputs::Emission> emissions;
  {
    Inputs inputs = inputs_of(job);
    try {
      const std::vector<Lease> own = leases_of(inputs);
      const std::vector<Lease> before = here.gathered.leases();
      const auto leases = std::make_shared<std::vector<Lease>>(before);
      leases->insert(leases->end(), own.begin(), own.end());
      Outputs outputs(node.type->outputs, &inputs, leases, here.emitted);
      state_.log.measure(CallLog::What::process, job.node, job.scope, job.index,
                         [&] { static_cast<Gather&>(*node.node).process(inputs, outputs); });
      if (passes_on(node))
        if (auto gone = let_go(before, here.gathered.of_shared(), inputs, own); !gone.empty())
          *leases = std::move(gone);
      check_call(outputs);
      state_.tell(*job.scope, job.node, outputs);
      job.scope->at(job.node).counts.count(outputs, false);
      here.gathered.share(inputs.shares());
      if (!outputs.emissions().empty())
        here.gathered.emitted();
      else if (inputs.shares().empty() && !outputs.drop_reason())
        here.gathered.use(own);
      here.gathered.trim();
      emissions = std::move(outputs.emissions());
    } catch (...) {
      here.gathered.share(inputs.shares());
      here.counts.failed_one();
      state_.report(*job.scope, job.node, node.on_error, std::current_exception());
    }
  }
  if (!emissions.empty()) state_.router->send(job.scope, job.node, emissions, here.emitted++);
  state_.router->conclude(job.scope, job.node, job.index);
}

void NodeCalls::start(Job& job) {
  const PlanNode& node = state_.plan_of(job.node);
  Packets packets;
  Scopes scopes;
  try {
    Inputs inputs = inputs_of(job);
    state_.log.measure(CallLog::What::start, job.node, job.scope, job.index, [&] {
      if (node.type->role == Role::make)
        packets = static_cast<Make&>(*node.node).make(inputs);
      else
        scopes = static_cast<Open&>(*node.node).open(inputs);
      if (node.type->role == Role::open && state_.options.part)
        scopes = share_of(state_, *state_.options.part, job.node, job.index, std::move(scopes));
    });
  } catch (...) {
    job.scope->at(job.node).counts.failed_one();
    state_.report(*job.scope, job.node, node.on_error, std::current_exception());
    return state_.router->conclude(job.scope, job.node, job.index);
  }
  sources_.begin(job.scope, job.node, std::move(packets), std::move(scopes), false);
}

void NodeCalls::finish(Job& job) {
  const PlanNode& node = state_.plan_of(job.node);
  const NodeType& type = *node.type;
  // At the end of the run only that is called of a node that works in scopes.
  const bool of_run = type.role == Role::gather_scopes && job.scope->is_run();
  const bool trained = node.opener >= 0 && state_.plan_of(node.opener).type->successive;
  const bool left = state_.at(job.node).left ||
                    (of_run && (state_.options.part || (trained && state_.options.rank.number > 0)));
  const bool called =
      !left && (of_run ? type.finishes_run : type.finishes && job.scope->opener() == node.opener);
  if (!called) return scopes_.node_finished(job.scope, job.node);
  NodeRun& run = state_.at(job.node);
  Budget::Point* const point = of_run ? run.run_finish : run.finish;
  if (point && !job.lease && !job.asked && !state_.lease(*point, 0, node.finish_lease, job)) return;
  if (state_.stopping()) job.scope->fail();
  Packets rest;
  try {
    rest = finish_node(job);
  } catch (...) {
    rest = {};
    state_.report_for_good(*job.scope, job.node, std::current_exception());
  }
  job.lease = nullptr;
  if (!rest.next) return scopes_.node_finished(job.scope, job.node);
  sources_.begin(job.scope, job.node, std::move(rest), {}, true);
}

Packets NodeCalls::finish_node(Job& job) {
  const PlanNode& node = state_.plan_of(job.node);
  const NodeType& type = *node.type;
  NodeScope& here = job.scope->at(job.node);
  const bool of_run = type.role == Role::gather_scopes && job.scope->is_run();
  std::vector<Packet> packets = of_run ? state_.router->outer(job.node) : here.intake.scope_packets();
  packets.resize(type.inputs.size());
  Inputs inputs(type.inputs, std::move(packets), here, here.state,
                of_run ? done_scopes(state_, job.node) : DoneScopes{});
  Outputs outputs(type.outputs, nullptr, nullptr, 0);
  Packets rest;
  state_.log.measure(CallLog::What::finish, job.node, job.scope, 0, [&] {
    if (type.role == Role::map) static_cast<Map&>(*node.node).finish(inputs, outputs);
    if (type.role == Role::write) static_cast<Write&>(*node.node).finish(inputs, outputs);
    if (type.role == Role::gather) rest = static_cast<Gather&>(*node.node).finish(inputs, outputs);
    if (type.role == Role::gather_scopes && !of_run)
      static_cast<GatherScopes&>(*node.node).finish(inputs, outputs);
    if (of_run) rest = static_cast<GatherScopes&>(*node.node).finish_run(inputs, outputs);
  });
  if (!outputs.emissions().empty()) throw std::logic_error("finish() emits nothing");
  state_.tell(*job.scope, job.node, outputs);
  if (outputs.ends_scopes()) scopes_.end_after(*job.scope);
  if (outputs.kept()) keep(state_, *job.scope, job.node, std::move(*outputs.kept()));
  return rest;
}

}  // namespace flowrun
