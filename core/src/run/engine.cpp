// SPDX-License-Identifier: Apache-2.0
#include "run/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <utility>

#include "run/part_run.h"
#include "run/rank_run.h"

namespace flowrun {
namespace {

/// Shared bytes that opening another scope leaves to the packets of those that are open.
std::size_t elbow_room(const Plan& plan) {
  std::size_t of_packets = 0;
  for (const PlanNode& node : plan.nodes)
    if (node.type->role == Role::make) of_packets += node.lease;
  return of_packets * static_cast<std::size_t>(plan.threads);
}

std::vector<std::filesystem::path> paths_of(const OutputFolders* folders) {
  std::vector<std::filesystem::path> paths;
  if (folders)
    for (const OutputFolder& folder : *folders) paths.push_back(folder.path());
  return paths;
}

}  // namespace

std::shared_ptr<Budget> budget_of(const Plan& plan) {
  return std::make_shared<Budget>(plan.memory, plan.kept_by_run(), elbow_room(plan));
}

Engine::Engine(Plan& plan, OutputFolders* folders, const RunOptions& options, std::shared_ptr<Budget> budget)
    : threads_(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(plan.threads)),
      arena_(plan.threads),
      started_(std::chrono::steady_clock::now()),
      log_(plan, plan.threads, options.trace),
      results_(options, paths_of(folders)),
      state_(plan, options, std::move(budget), results_, log_),
      router_(plan, *this) {
  arena_.execute([&] { graph_ = std::make_unique<tbb::flow::graph>(); });
  state_.router = &router_;
  state_.dispatch = [this](Job job) { dispatch(std::move(job)); };
  make_nodes(folders);
  if (options.part) leave_to_the_whole(state_);
  share_among_ranks(state_);
  scopes_ = std::make_unique<ScopeKeeper>(
      state_, folders, [this] { graph_->reserve_wait(); }, [this] { graph_->release_wait(); });
  sources_ = std::make_unique<Sources>(state_, *scopes_);
  calls_ = std::make_unique<NodeCalls>(state_, *sources_, *scopes_);
}

Engine::~Engine() {
  // Of a run that did not come to its end: what waits for leases must not be woken by those that come back
  // now.
  graph_->wait_for_all();
  std::vector<Budget::Request> waiting;
  while (auto request = state_.budget->give_up_one()) waiting.push_back(std::move(*request));
}

Budget::PointPlan Engine::point_plan(const PlanNode& node) {
  Budget::PointPlan out{node.name, node.lease, node.slots};
  if (node.type->role == Role::open) {
    out.opens_scopes = true;
    out.most_leases = node.type->successive ? 1 : static_cast<std::size_t>(state_.plan.scopes_in_flight);
  }
  const bool begins_scopes = node.type->role == Role::make || node.type->asks_bytes;
  if (node.opener >= 0 && begins_scopes) out.opener = state_.at(node.opener).packets;
  return out;
}

void Engine::make_nodes(OutputFolders* folders) {
  const auto add_folders = [&](const PlanNode& node, std::vector<OutputFolder*>& to) {
    if (!folders) return;
    for (const auto& path : node.output_folders)
      if (OutputFolder* folder = &folders->at(path); std::ranges::find(to, folder) == to.end())
        to.push_back(folder);
  };
  Plan& plan = state_.plan;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    PlanNode& node = plan.nodes[i];
    NodeRun& run = state_.nodes[i];
    run.plan = &node;
    if (node.slots > 0) run.packets = &state_.budget->add(point_plan(node));
    if (node.finish_lease > 0 && node.type->finishes)
      run.finish = &state_.budget->add({node.name, node.finish_lease});
    if (node.finish_lease > 0 && node.type->finishes_run)
      run.run_finish = &state_.budget->add({node.name, node.finish_lease});
    if (node.type->role == Role::open) run.recipe = plan.recipe(static_cast<int>(i));
    const auto calls = node.type->serial ? 1 : static_cast<std::size_t>(node.workers);
    tbb_nodes_.emplace_back(*graph_, calls, std::bind_front(&Engine::receive, this));
  }
  for (const PlanNode& node : plan.nodes) {
    if (node.opener >= 0) add_folders(node, state_.at(node.opener).folders);
    if (node.opener < 0 || node.type->finishes_run) add_folders(node, run_folders_);
    // Scopes are opened once the packets of the run are there that their nodes take.
    for (const bool outer : node.outer)
      if (outer) state_.budget->block(*state_.at(node.opener).packets);
  }
}

void Engine::run() {
  begin();
  while (!scopes_->run_ended()) {
    resolve_stall();
    settle();
  }
}

void Engine::settle() {
  arena_.execute([&] { graph_->wait_for_all(); });
  (void)executed_.load(std::memory_order_acquire);  // TBB orders them, too, but ThreadSanitizer cannot see it
  if (bug_) std::rethrow_exception(bug_);
}

void Engine::begin() {
  arena_.execute([&] {
    scopes_->begin_run(run_folders_);
    router_.begin(state_.run_scope);
    for (std::size_t i = 0; i < state_.nodes.size(); ++i) {
      const PlanNode& node = *state_.nodes[i].plan;
      if (!node.begins()) continue;
      dispatch(
          Job{node.makes() ? Job::Kind::call : Job::Kind::finish, static_cast<int>(i), state_.run_scope});
    }
  });
  settle();
}

/// Nothing is active and the run has not ended: somebody waits for memory that will never come back.
void Engine::resolve_stall() {
  auto request = state_.budget->give_up_one();
  if (!request)
    throw std::logic_error("the run stalled although nothing waits for memory; " + state_.budget->describe());
  arena_.execute([&] { request->granted(nullptr); });
}

void Engine::dispatch(Job job) {
  auto message = std::make_shared<Job>(std::move(job));
  TbbNode& node = tbb_nodes_[static_cast<std::size_t>(message->node)];
  message->handover.give();
  node.try_put(std::move(message));
}

void Engine::receive(const JobPtr& message) {
  message->handover.take();
  execute(std::move(*message));  // TBB keeps the message until later; it must not keep packets
  executed_.fetch_add(1, std::memory_order_release);
}

void Engine::execute(Job job) {
  try {
    switch (job.kind) {
      case Job::Kind::call:
        return calls_->call(job);
      case Job::Kind::finish:
        return calls_->finish(job);
      case Job::Kind::step:
        return sources_->step(job);
      case Job::Kind::make:
        return sources_->make(job);
    }
  } catch (...) {  // nodes' errors are handled where they are called: this one is ours
    std::scoped_lock lock(bug_mutex_);
    if (!bug_) bug_ = std::current_exception();
    state_.stopped = true;
  }
}

void Engine::call(const ScopePtr& scope, int node, std::uint64_t index, std::vector<Packet> packets) {
  dispatch(Job{Job::Kind::call, node, scope, index, std::move(packets)});
}

void Engine::passed_over(const ScopePtr& scope, int node, std::uint64_t index) {
  if (state_.plan_of(node).type->asks_bytes)
    state_.budget->close(*state_.at(node).packets, {scope->age(), index});
}

void Engine::one_too_many(const ScopePtr& scope, int node, PortRef to) {
  const PlanNode& taker = state_.plan_of(to.node);
  const Error error(fmt::format(
      "'{}' made a second packet for input '{}' of '{}', which takes one {}; take it as a stream, or "
      "let '{}' make one",
      state_.plan_of(node).name, taker.type->inputs[static_cast<std::size_t>(to.port)].name, taker.name,
      scope->is_run() ? "a run" : "for each scope", state_.plan_of(node).name));
  state_.report_for_good(*scope, to.node, std::make_exception_ptr(error));
}

void Engine::act(const ScopePtr& scope, int node, std::uint64_t index, HeldAction& action) {
  calls_->act(scope, node, index, action);
}

void Engine::finish(const ScopePtr& scope, int node) {
  dispatch(Job{Job::Kind::finish, node, scope});
}

void Engine::outer_closed(int opener) {
  state_.budget->unblock(*state_.at(opener).packets);
}

std::string Engine::report() const {
  return log_.under_way() + "  memory: " + state_.budget->describe() + "\n";
}

}  // namespace flowrun
