// SPDX-License-Identifier: Apache-2.0
#include "run/engine.h"

#include <flowrun/bytes.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <stdexcept>

namespace flowrun {
namespace {

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    return "out of memory";
  } catch (const std::exception& problem) {
    return problem.what();
  } catch (...) {
    return "threw something that is no std::exception";
  }
}

}  // namespace

Engine::Engine(Plan& plan, OutputFolders& folders, const RunOptions& options)
    : plan_(plan),
      folders_(folders),
      options_(options),
      budget_(plan.memory),
      threads_(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(plan.threads)),
      arena_(plan.threads),
      started_(std::chrono::steady_clock::now()) {
  arena_.execute([&] { graph_ = std::make_unique<tbb::flow::graph>(); });
  for (PlanNode& node : plan.nodes) {
    RunNode& run = nodes_.emplace_back();
    run.plan = &node;
    if (node.type->source || node.type->leases) run.account = &budget_.open_account(node.name, node.need);
    if (node.type->opens_scopes())
      run.account->most_leases = node.type->successive ? 1 : static_cast<std::size_t>(plan.scopes_in_flight);
    run.outer.resize(node.from.size());
    const auto calls = node.type->serial ? 1 : static_cast<std::size_t>(node.workers);
    run.tbb = std::make_unique<TbbNode>(*graph_, calls, std::bind_front(&Engine::receive, this));
  }
  // Scopes are opened once the packets of the run are there that their nodes take.
  for (const PlanNode& node : plan.nodes)
    for (const bool outer : node.outer)
      if (outer) budget_.block(*at(node.opener).account);
}

bool Engine::stopping() const {
  return stopped_.load(std::memory_order_relaxed) ||
         (options_.interrupted && options_.interrupted->load(std::memory_order_relaxed));
}

void Engine::run() {
  run_scope_ = std::make_shared<ScopeRun>(plan_, -1, "run", ages_++, folders_);
  if (const std::size_t kept = plan_.kept_by_run(); kept > 0)
    run_scope_->lease = budget_.take_or_wait({&budget_.open_account("run", 0), kept, 0, [](Lease) {}});
  arena_.execute([&] {
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      if (nodes_[i].plan->begins())
        dispatch(
            std::make_shared<Job>(Job{nodes_[i].plan->type->source ? Job::Kind::process : Job::Kind::finish,
                                      static_cast<int>(i), run_scope_}));
    graph_->wait_for_all();
    while (!run_ended_ && !bug_) {
      resolve_stall();
      graph_->wait_for_all();
    }
  });
  if (bug_) std::rethrow_exception(bug_);
}

/// Nothing is active and the run has not ended: a source waits for memory that will never come back.
void Engine::resolve_stall() {
  std::vector<const Account*> openers;
  for (const RunNode& node : nodes_)
    if (node.account && node.plan->opener < 0) openers.push_back(node.account);
  auto request = budget_.give_up_one(openers);
  if (!request) request = budget_.give_up_one({});
  if (!request)
    throw std::logic_error("the run stalled although nothing waits for memory; " + budget_.describe());
  request->granted(nullptr);
}

void Engine::dispatch(JobPtr job) {
  TbbNode& node = *at(job->node).tbb;
  job->handover.give();
  node.try_put(std::move(job));
}

void Engine::receive(const JobPtr& message) {
  message->handover.take();
  execute(std::move(*message));  // TBB keeps the message until later; it must not keep packets
}

void Engine::execute(Job job) {
  try {
    switch (job.kind) {
      case Job::Kind::process:
        return process(job);
      case Job::Kind::step:
        return step(job);
      case Job::Kind::make:
        return make(job);
      case Job::Kind::finish:
        return finish(job);
    }
  } catch (...) {  // nodes' errors are handled where they are called: this one is ours
    std::scoped_lock lock(results_mutex_);
    if (!bug_) bug_ = std::current_exception();
    stopped_ = true;
  }
}

void Engine::process(Job& job) {
  RunNode& node = at(job.node);
  const NodeType& type = *node.plan->type;
  const ScopePtr scope = job.scope;
  NodeScope& here = scope->at(job.node);
  if (scope->failed() && !type.source) {
    ++here.counts.in, ++here.counts.failed, ++node.counts.in, ++node.counts.failed;
    job.packets.clear();
    pass_over(scope, job.node, job.index);
    return conclude(scope, job.node, job.index, nullptr);
  }
  const bool gathers = type.gathers || type.gathers_scopes;
  job.packets.resize(type.inputs.size());
  std::vector<Outputs::Emission> emissions;
  std::function<void()> action;
  std::optional<std::string> reason;
  bool failed = false;
  try {
    Inputs inputs(type.inputs, std::move(job.packets), *scope, here.state);
    if (type.source) return start(job, inputs);
    if (type.leases && !job.lease && !take_lease(job, inputs)) return;
    std::vector<Lease> leases;
    for (std::size_t i = 0; i < inputs.packets().size(); ++i)
      if (inputs.packets()[i].lease && !type.inputs[i].per_scope) leases.push_back(inputs.packets()[i].lease);
    if (job.lease) leases.push_back(job.lease);
    Lease held = leases.size() == 1 ? leases[0]
                 : leases.empty()   ? nullptr
                                    : std::make_shared<LeasedBytes>(leases);
    Outputs outputs(type.outputs, &inputs, std::move(held), gathers ? here.emitted : job.index);
    outputs.own_lease(job.lease);
    const auto before = std::chrono::steady_clock::now();
    node.plan->node->process(inputs, outputs);
    node.nanoseconds += static_cast<std::uint64_t>((std::chrono::steady_clock::now() - before).count());
    if (type.gathers_scopes && !outputs.emissions().empty())
      throw std::logic_error("a node described as gathers_scopes() may emit only in finish() of the run");
    if (outputs.ends_scopes()) throw std::logic_error(ended_elsewhere);
    emissions = std::move(outputs.emissions());
    action = std::move(outputs.in_order_action());
    reason = outputs.drop_reason();
    for (const std::string& note : outputs.notes()) here.notes.add(note);
  } catch (...) {
    failed = true;
    report(scope, job.node, node.plan->on_error, std::current_exception());
  }
  job.lease = nullptr;
  const bool nothing_sent = !gathers && !type.outputs.empty() && emissions.empty();
  const bool dropped = !failed && (reason || nothing_sent);
  for (Counts* counts : {&here.counts, &node.counts}) {
    ++counts->in;
    ++(failed ? counts->failed : dropped ? counts->dropped : counts->out);
    if (reason) counts->reasons.add(*reason);
  }
  if (gathers && !emissions.empty()) ++here.emitted;
  send(scope, job.node, emissions, job.index, type.renumbers());
  conclude(scope, job.node, job.index, std::move(action));
}

void Engine::finish(Job& job) {
  RunNode& node = at(job.node);
  NodeScope& here = job.scope->at(job.node);
  const NodeType& type = *node.plan->type;
  const bool own = job.scope->opener() == node.plan->opener;
  const bool of_run = type.gathers_scopes && job.scope->is_run();
  std::vector<Outputs::Emission> emissions;
  // What is made of all scopes is not made of those that had ended when the run was stopped.
  if (of_run && stopping()) job.scope->fail();
  if (own || of_run) {
    try {
      std::vector<Packet> packets = own ? here.intake.scope_packets() : node.outer;
      packets.resize(type.inputs.size());
      Inputs inputs(type.inputs, std::move(packets), *job.scope, here.state,
                    of_run ? done_scopes(node.plan->opener) : std::vector<std::string>{});
      Outputs outputs(type.outputs, nullptr, nullptr, here.emitted, true);
      const auto before = std::chrono::steady_clock::now();
      node.plan->node->finish(inputs, outputs);
      node.nanoseconds += static_cast<std::uint64_t>((std::chrono::steady_clock::now() - before).count());
      emissions = std::move(outputs.emissions());
      for (const std::string& note : outputs.notes()) here.notes.add(note);
      if (outputs.ends_scopes()) end_scopes(*job.scope);
      if (!emissions.empty() && !of_run && !type.gathers)
        throw std::logic_error(
            "only a node described as gathers() may emit in finish(), or as gathers_scopes() in that of the "
            "run");
    } catch (...) {
      emissions.clear();
      // Half a result is none: what a node could not finish is never kept.
      report(job.scope, job.node, node.plan->on_error == OnError::stop ? OnError::stop : OnError::fail,
             std::current_exception());
    }
    here.state.value.reset();
  }
  send(job.scope, job.node, emissions, 0, true);
  node_finished(job.scope, job.node);
}

std::vector<std::string> Engine::done_scopes(int opener) {
  if (opener < 0) return {};
  std::scoped_lock lock(results_mutex_);
  const auto& done = at(opener).done;
  return {done.begin(), done.end()};
}

void Engine::release(const ScopePtr& scope, int node, int packets) {
  if ((scope->at(node).pending -= packets) == 0)
    dispatch(std::make_shared<Job>(Job{Job::Kind::finish, node, scope}));
}

void Engine::node_finished(const ScopePtr& scope, int node) {
  settle(scope, node);
  close_edges(scope, node);
  {
    NodeScope& here = scope->at(node);  // what it held for the scope goes now, not with the last node
    std::scoped_lock lock(here.mutex);
    here.intake = Intake({}, false);
  }
  if (scope->is_run()) at(node).outer.clear();
  if (--scope->unfinished == 0) scope_ended(scope);
  // What gathers scopes waits for them to be published.
  if (!scope->is_run() && !at(node).plan->type->gathers_scopes) release(run_scope_, node);
}

void Engine::end_scopes(const ScopeRun& scope) {
  if (scope.is_run() || !at(scope.opener()).plan->type->successive)
    throw std::logic_error("only scopes that are opened one after the other can be ended");
  at(scope.opener()).ended = true;
}

void Engine::settle(const ScopePtr& scope, int node) {
  const NodeType& type = *at(node).plan->type;
  if (scope->is_run() || !(type.leases || type.source) || scope->at(node).settled.exchange(true)) return;
  if (--scope->unsettled == 0) budget_.unblock(*at(scope->opener()).account);
}

void Engine::scope_ended(const ScopePtr& scope) {
  if (!scope->failed()) {
    try {
      if (const std::string broken = scope->broken_sum(plan_); !broken.empty())
        throw std::logic_error("packets were lost: " + broken);
      if (scope->is_run())
        scope->publish({{"recipe", plan_.recipe(-1)}});
      else
        scope->publish({{"scope", scope->name()},
                        {"kind", scope->kind()},
                        {"input", scope->identity},
                        {"recipe", plan_.recipe(scope->opener())},
                        {"last", at(scope->opener()).ended.load()},
                        {"counts", scope->counts(plan_)}});
    } catch (...) {
      report(scope, -1, OnError::fail, std::current_exception());
    }
  }
  if (scope->failed()) {
    try {
      scope->discard();
    } catch (...) {
      report(scope, -1, OnError::fail, std::current_exception());
    }
  }
  if (scope->is_run()) {
    run_ended_ = true;
    return;
  }
  const bool failed = scope->failed();
  {
    std::scoped_lock lock(results_mutex_);
    const char* status = !failed ? "done" : scope->said ? "failed" : "interrupted";
    scopes_.push_back({scope->kind(), scope->name(), status, scope->counts(plan_)});
    ++(!failed ? scopes_done_ : scope->said ? scopes_failed_ : scopes_interrupted_);
    if (!failed) at(scope->opener()).done.insert(scope->name());
  }
  scope->lease.reset();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const PlanNode& node = *nodes_[i].plan;
    if (node.opener == scope->opener() && node.type->gathers_scopes) release(run_scope_, static_cast<int>(i));
  }
}

void Engine::report(const ScopePtr& scope, int node, OnError policy, std::exception_ptr error) {
  const bool whole_run = scope->is_run();
  RunFailure failure{node < 0 ? "" : at(node).plan->name, whole_run ? "" : scope->name(), message_of(error),
                     policy};
  bool first = false;
  {
    std::scoped_lock lock(results_mutex_);
    // One slide that fails on every thread at once is one failure.
    first = policy == OnError::skip || !scope->failed();
    if (first) failures_.push_back(failure);
    if (policy != OnError::skip) {
      scope->said = true;
      scope->fail();
    }
  }
  const bool all_lost = whole_run || at(scope->opener()).plan->type->successive;
  if (policy == OnError::stop || (policy == OnError::fail && all_lost)) stopped_ = true;
  if (first && options_.on_failure) options_.on_failure(failure);
}

}  // namespace flowrun
