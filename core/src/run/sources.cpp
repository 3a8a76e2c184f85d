// SPDX-License-Identifier: Apache-2.0
#include "run/sources.h"

#include <utility>

namespace flowrun {

void Sources::begin(const ScopePtr& scope, int node, Packets packets, Scopes scopes, bool at_end) {
  const bool opens = state_.plan_of(node).type->role == Role::open;
  const std::size_t bytes = state_.plan_of(node).lease + (opens ? scopes.extra_bytes : packets.extra_bytes);
  state_.at(node).expected += (opens ? scopes.total : packets.total).value_or(0);
  Job job{Job::Kind::step, node, scope};
  job.generator = std::shared_ptr<Generator>(
      new Generator{node, scope, std::move(packets), std::move(scopes), bytes, at_end});
  state_.dispatch(std::move(job));
}

void Sources::step(Job& job) {
  const auto generator = job.generator;
  if (state_.stopping()) job.scope->fail();
  std::optional<Next> next;
  if (!job.scope->failed() && !state_.at(job.node).ended) {
    const bool opens = state_.plan_of(job.node).type->role == Role::open;
    // What makes the next packet is asked for first: at the end there must be nothing to wait for. Scopes are
    // opened with their lease, as they depend on packets of the run that it waits for.
    if (!opens && !generator->next) generator->next = next_packet(*generator);
    if (opens || generator->next) {
      if (!has_lease(job)) return;
      next =
          opens ? next_scope(*generator, job.lease) : Next{std::exchange(generator->next, nullptr), nullptr};
    }
  }
  if (!next) {
    if (job.lease) state_.budget->return_unused(std::exchange(job.lease, nullptr));
    return exhausted(generator);
  }
  ++generator->made;
  ++generator->open;
  Job make{Job::Kind::make, job.node, job.scope, job.scope->at(job.node).emitted++};
  make.lease = std::move(job.lease);
  make.generator = generator;
  make.make = std::move(next->make);
  make.opened = std::move(next->opened);
  // In this order: this thread goes on with the newest task, so it makes the packet and sees it through to
  // the end, while an idle thread takes the oldest, the next step. Nobody runs ahead of the sinks.
  Job step{Job::Kind::step, job.node, job.scope};
  step.generator = generator;
  state_.dispatch(std::move(step));
  state_.dispatch(std::move(make));
}

/// False: the step waits, and will be made anew.
bool Sources::has_lease(Job& job) {
  const Generator& generator = *job.generator;
  if (job.lease) return true;
  const std::uint64_t turn = generator.at_end ? generator.made : job.scope->at(job.node).emitted;
  return state_.lease(*state_.at(job.node).packets, turn, generator.bytes, job);
}

/// What makes it; empty at the end.
Packets::Make Sources::next_packet(Generator& generator) {
  try {
    return generator.packets.next ? generator.packets.next() : nullptr;
  } catch (...) {
    state_.report_for_good(*generator.scope, generator.node, std::current_exception());
    return {};
  }
}

/// Nothing at the end. Those that are done or cannot be opened are passed over.
std::optional<Sources::Next> Sources::next_scope(Generator& generator, const Lease& lease) {
  try {
    while (!state_.stopping() && !generator.scope->failed() && !state_.at(generator.node).ended) {
      std::optional<NewScope> scope = generator.scopes.next ? generator.scopes.next() : std::nullopt;
      if (!scope) return {};
      Packets::Make make = std::move(scope->make);
      if (ScopePtr opened = scopes_.open(generator.node, std::move(*scope), lease))
        return Next{std::move(make), std::move(opened)};
    }
  } catch (...) {
    state_.report_for_good(*generator.scope, generator.node, std::current_exception());
  }
  return {};
}

void Sources::make(Job& job) {
  const PlanNode& node = state_.plan_of(job.node);
  const ScopePtr target = job.opened ? job.opened : job.scope;
  const std::uint64_t index = job.opened ? 0 : job.index;
  // What is emitted at the end is made of packets that were counted when they came in.
  const bool counts = !job.generator->at_end;
  Counts& here = job.scope->at(job.node).counts;
  std::vector<Outputs::Emission> emissions;
  if (state_.stopping()) target->fail();
  if (target->failed()) {
    if (counts) here.failed_one();
  } else {
    try {
      Outputs outputs(node.type->outputs, nullptr, std::move(job.lease), index);
      state_.log.measure(CallLog::What::make, job.node, target, index, [&] { job.make(outputs); });
      check_call(outputs);
      state_.tell(*target, job.node, outputs);
      if (counts) here.count(outputs, true);
      emissions = std::move(outputs.emissions());
    } catch (...) {
      if (counts) here.failed_one();
      state_.report(*target, job.node, node.on_error, std::current_exception());
      if (job.opened) scopes_.give_up(*job.opened);  // it has no packet to begin with
    }
  }
  job.make = nullptr;
  job.lease = nullptr;
  state_.router->send(target, job.node, emissions, index);
  if (job.opened) state_.router->close_opener(job.opened);
  close(std::exchange(job.generator, nullptr));
}

void Sources::exhausted(const std::shared_ptr<Generator>& generator) {
  if (!generator->at_end) state_.router->next_input(generator->scope, generator->node);
  close(generator);
}

void Sources::close(const std::shared_ptr<Generator>& generator) {
  if (--generator->open > 0) return;
  // What it reads from goes with the last packet made from it.
  generator->next = {};
  generator->packets = {};
  generator->scopes = {};
  if (generator->at_end)
    scopes_.node_finished(generator->scope, generator->node);
  else
    state_.router->release(generator->scope, generator->node);
}

}  // namespace flowrun
