// SPDX-License-Identifier: Apache-2.0
#include "run/sources.h"

#include <utility>

namespace flowrun {

void Sources::begin(const ScopePtr& scope, int node, Packets packets, Scopes scopes, bool at_end) {
  const bool opens = state_.plan_of(node).type->role == Role::open;
  const std::size_t bytes =
      state_.plan_of(node).lease + (opens ? scopes.extra_bytes : packets.extra_bytes);
  state_.at(node).expected += (opens ? scopes.total : packets.total).value_or(0);
  Job job{Job::Kind::step, node, scope};
  job.generator = std::shared_ptr<Generator>(
      new Generator{node, scope, std::move(packets), std::move(scopes), nullptr, bytes, at_end});
  state_.dispatch(std::move(job));
}

void Sources::step(Job& job) {
  const auto generator = job.generator;
  const bool opens = state_.plan_of(job.node).type->role == Role::open;
  NodeRun& node = state_.at(job.node);
  NodeScope& here = job.scope->at(job.node);
  const auto again = [&] {
    Job step{Job::Kind::step, job.node, job.scope};
    step.generator = generator;
    return step;
  };
  if (state_.stopping()) job.scope->fail();
  if (job.scope->failed() || node.ended) {
    if (job.lease) state_.budget->return_unused(std::exchange(job.lease, nullptr));
    return exhausted(generator);
  }
  // Whether there is one more packet is asked before its lease: the last one may be held until the scope ends.
  if (!opens && !generator->next && !(generator->next = next_packet(*generator))) return exhausted(generator);
  if (!job.lease)
    return state_.lease(*node.packets, job.scope, job.node, generator->at_end ? generator->made : here.emitted,
                        generator->bytes, again());
  std::optional<Next> next;
  if (opens)
    next = next_scope(*generator, job.lease);
  else
    next = Next{std::exchange(generator->next, nullptr), nullptr};
  if (!next) {
    state_.budget->return_unused(std::exchange(job.lease, nullptr));
    return exhausted(generator);
  }
  ++generator->made;
  ++generator->open;
  Job make{Job::Kind::make, job.node, job.scope, here.emitted++};
  make.lease = std::move(job.lease);
  make.generator = generator;
  make.make = std::move(next->make);
  make.opened = std::move(next->opened);
  // In this order: this thread goes on with the newest task, so it makes the packet and sees it through to the
  // end, while an idle thread takes the oldest, the next step. Nobody runs ahead of the sinks.
  state_.dispatch(again());
  state_.dispatch(std::move(make));
}

/// What makes the next packet; nothing at the end.
Packets::Make Sources::next_packet(Generator& generator) {
  try {
    if (generator.packets.next) return generator.packets.next();
  } catch (...) {
    state_.report_for_good(*generator.scope, generator.node, std::current_exception());
  }
  return nullptr;
}

std::optional<Sources::Next> Sources::next_scope(Generator& generator, Lease& lease) {
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
  Counts& counts = job.generator->at_end ? target->at(job.node).counts : job.scope->at(job.node).counts;
  std::vector<Outputs::Emission> emissions;
  if (state_.stopping()) target->fail();
  bool failed = target->failed();
  if (!failed) {
    try {
      Outputs outputs(node.type->outputs, nullptr, std::move(job.lease), index);
      state_.log.measure(CallLog::What::make, job.node, target, index, [&] { job.make(outputs); });
      if (outputs.ends_scopes()) throw std::logic_error("scopes can be ended in finish() only");
      emissions = std::move(outputs.emissions());
      for (const std::string& note : outputs.notes()) target->at(job.node).counts.notes.add(note);
    } catch (...) {
      failed = true;
      state_.report(*target, job.node, node.on_error, std::current_exception());
      if (job.opened) scopes_.give_up(*job.opened);  // it has no packet to begin with
    }
  }
  job.make = nullptr;
  job.lease = nullptr;
  // What is emitted at the end is made of packets that were counted when they came in.
  if (!job.generator->at_end) {
    if (failed)
      counts.failed_one();
    else if (emissions.empty())
      counts.drop(1);
    else
      counts.went_out();
  }
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
  generator->packets = {};
  generator->next = nullptr;
  generator->scopes = {};
  if (generator->at_end)
    scopes_.node_finished(generator->scope, generator->node);
  else
    state_.router->release(generator->scope, generator->node);
}

}  // namespace flowrun
