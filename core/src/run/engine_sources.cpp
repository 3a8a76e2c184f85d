// SPDX-License-Identifier: Apache-2.0
#include <flowrun/bytes.h>
#include <fmt/format.h>

#include <algorithm>

#include "run/engine.h"

namespace flowrun {
namespace {

constexpr std::uint64_t youngest = ~std::uint64_t{0};

Error not_enough(const Budget& budget, const std::string& node, std::size_t bytes) {
  return Error(fmt::format("'{}' needs {} that never become free; {} Raise memory.", node,
                           format_bytes(bytes), budget.describe()));
}

}  // namespace

/// For a node that leases before each call. False: the job waits and will be dispatched again.
bool Engine::take_lease(Job& job, const Inputs& inputs) {
  RunNode& node = at(job.node);
  const std::size_t bytes = node.plan->node->bytes(inputs);
  auto again =
      std::make_shared<Job>(Job{Job::Kind::process, job.node, job.scope, job.index, inputs.packets()});
  const auto granted = [this, again, bytes](Lease lease) {
    if (!lease)
      report(again->scope, again->node, OnError::fail,
             std::make_exception_ptr(not_enough(budget_, at(again->node).plan->name, bytes)));
    again->lease = std::move(lease);
    dispatch(again);
  };
  job.lease = budget_.take_or_wait({node.account, bytes, job.scope->age(), granted});
  if (job.lease) settle(job.scope, job.node);
  return job.lease != nullptr;
}

void Engine::start(Job& job, Inputs& inputs) {
  RunNode& node = at(job.node);
  auto run = std::make_shared<GeneratorRun>(GeneratorRun{job.node, job.scope, nullptr, 0});
  if (!job.scope->failed()) {
    run->generator = static_cast<Source&>(*node.plan->node).start(inputs);
    run->bytes = node.plan->lease + run->generator->extra_bytes();
    node.expected += run->generator->total().value_or(0);
  }
  dispatch(std::make_shared<Job>(Job{Job::Kind::step, job.node, job.scope, 0, {}, {}, std::move(run)}));
}

/// Takes a lease, asks the generator for its next packet, and puts that packet's making and the next step
/// into the queue.
void Engine::step(Job& job) {
  RunNode& node = at(job.node);
  const ScopePtr scope = job.scope;
  const auto generator = job.generator;
  for (;;) {
    if (stopping() || scope->failed() || node.ended || !generator->generator) {
      if (stopping()) scope->fail();
      return end_generator(generator);
    }
    if (!job.lease) {
      auto later = std::make_shared<Job>(Job{Job::Kind::step, job.node, scope, 0, {}, {}, generator});
      const auto granted = [this, later](Lease lease) {
        if (!lease)
          report(later->scope, later->node, OnError::fail,
                 std::make_exception_ptr(
                     not_enough(budget_, at(later->node).plan->name, later->generator->bytes)));
        later->lease = std::move(lease);
        dispatch(later);
      };
      job.lease = budget_.take_or_wait({node.account, generator->bytes,
                                        node.plan->type->opens_scopes() ? youngest : scope->age(), granted});
      if (!job.lease) return;
    }
    settle(scope, job.node);
    std::optional<Work> work;
    try {
      work = generator->generator->next();
    } catch (...) {
      report(scope, job.node, node.plan->on_error == OnError::stop ? OnError::stop : OnError::fail,
             std::current_exception());
    }
    if (!work) return end_generator(generator);
    ScopePtr opened;
    if (work->scope) {
      opened = open_scope(job.node, std::move(*work->scope), job.lease);
      if (!opened) continue;  // done before
    }
    NodeScope& here = scope->at(job.node);
    ++here.pending;
    auto make = std::make_shared<Job>(Job{Job::Kind::make,
                                          job.node,
                                          scope,
                                          here.emitted++,
                                          {},
                                          std::move(job.lease),
                                          generator,
                                          std::move(work->make),
                                          opened});
    // In this order: this thread goes on with the newest task, so it makes the packet and sees it through to
    // the end, while an idle thread takes the oldest, the next step. Nobody runs ahead of the sinks.
    dispatch(std::make_shared<Job>(Job{Job::Kind::step, job.node, scope, 0, {}, {}, generator}));
    return dispatch(std::move(make));
  }
}

void Engine::make(Job& job) {
  RunNode& node = at(job.node);
  const ScopePtr target = job.opened ? job.opened : job.scope;
  NodeScope& here = job.scope->at(job.node);
  const std::uint64_t index = job.opened ? 0 : job.index;
  std::vector<Outputs::Emission> emissions;
  bool failed = target->failed();
  if (!failed) {
    try {
      Outputs outputs(node.plan->type->outputs, nullptr, std::move(job.lease), index);
      const auto before = std::chrono::steady_clock::now();
      job.make(outputs);
      node.nanoseconds += static_cast<std::uint64_t>((std::chrono::steady_clock::now() - before).count());
      if (outputs.ends_scopes()) throw std::logic_error(ended_elsewhere);
      emissions = std::move(outputs.emissions());
      for (const std::string& note : outputs.notes()) target->at(job.node).notes.add(note);
    } catch (...) {
      failed = true;
      report(target, job.node, node.plan->on_error, std::current_exception());
      if (job.opened) job.opened->fail();  // a scope whose opening packet is missing has nothing in it
    }
  }
  job.make = nullptr;
  job.lease = nullptr;
  for (Counts* counts : {&here.counts, &node.counts}) {
    ++counts->in;
    ++(failed ? counts->failed : emissions.empty() ? counts->dropped : counts->out);
  }
  send(target, job.node, emissions, index, false);
  if (job.opened) close_edges(job.opened, job.node);
  job.generator.reset();  // the input that it reads from goes with the last packet made from it
  release(job.scope, job.node);
}

void Engine::end_generator(const std::shared_ptr<GeneratorRun>& generator) {
  NodeScope& here = generator->scope->at(generator->node);
  Intake::Ready ready;
  if (!at(generator->node).plan->from.empty()) {
    std::scoped_lock lock(here.mutex);
    ready = here.intake.next();
  }
  take_in(generator->scope, generator->node, std::move(ready));
  release(generator->scope, generator->node);
}

Engine::ScopePtr Engine::open_scope(int opener, NewScope spec, Lease lease) {
  for (const RunNode& node : nodes_) {
    if (node.plan->opener != opener) continue;
    for (auto& [what, value] : node.plan->node->depends_on(spec.name))
      spec.identity[node.plan->name + "." + what] = std::move(value);
    for (std::size_t i = 0; i < node.outer.size(); ++i)
      if (const InputSpec& input = node.plan->type->inputs[i]; input.identity && node.outer[i].payload)
        spec.identity[node.plan->name + "." + input.name] = input.identity(node.outer[i].payload.get());
  }
  if (done_before(spec.name, spec.identity, opener)) {
    ++scopes_skipped_;
    std::scoped_lock lock(results_mutex_);
    at(opener).done.insert(spec.name);
    scopes_.push_back({plan_.nodes[static_cast<std::size_t>(opener)].type->outputs.front().name,
                       spec.name,
                       "done before",
                       {}});
    return nullptr;
  }
  at(opener).redoing = at(opener).plan->type->successive;
  auto scope = std::make_shared<ScopeRun>(plan_, opener, std::move(spec.name), ages_++, folders_);
  scope->identity = std::move(spec.identity);
  scope->lease = std::move(lease);
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i].plan->opener == opener) ++run_scope_->at(static_cast<int>(i)).pending;
  // The next one waits until this one has the leases that it needs to go on: two half-admitted scopes could
  // hold what the other is waiting for.
  if (scope->unsettled > 0) budget_.block(*at(opener).account);
  hand_in_outer(scope);
  if (scope->unfinished == 0) scope_ended(scope);
  return scope;
}

bool Engine::done_before(const std::string& name, const std::map<std::string, std::string>& identity,
                         int opener) {
  if (options_.force || folders_.empty() || at(opener).redoing || gathered_anew(opener)) return false;
  const nlohmann::json recipe = plan_.recipe(opener);
  bool last = false;
  for (const OutputFolder& folder : folders_) {
    const nlohmann::json entry = folder.entry(journal_name(plan_, opener, name));
    if (!entry.is_object() || entry.value("recipe", nlohmann::json()) != recipe ||
        entry.value("input", nlohmann::json()) != nlohmann::json(identity))
      return false;
    last |= entry.value("last", false);
  }
  if (last) at(opener).ended = true;
  return true;
}

/// Something in the run is made from what its scopes give, which no folder keeps.
bool Engine::gathered_anew(int opener) const {
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const RunNode& node) {
    const NodeType& type = *node.plan->type;
    return node.plan->opener == opener && type.gathers_scopes && !type.resumes;
  });
}

}  // namespace flowrun
