// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <chrono>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "run/node_calls.h"
#include "run/router.h"
#include "run/run_state.h"
#include "run/scope_keeper.h"
#include "run/sources.h"

namespace flowrun {

/// What a plan's leases may take together.
std::shared_ptr<Budget> budget_of(const Plan& plan);

/// Runs a plan. Every node is one TBB function_node that never rejects; packets travel by the router, so that
/// each is counted before it is sent; only those who ask for leases wait, and waiting takes no thread.
class Engine final : RouterEvents {
 public:
  /// `folders`: of all nodes; null in tests of nodes: what is staged is at its final place at once. `budget`:
  /// see budget_of.
  Engine(Plan& plan, OutputFolders* folders, const RunOptions& options, std::shared_ptr<Budget> budget);
  ~Engine() override;

  /// Begins, and goes on until nothing is under way. Throws what a bug of the runtime itself threw.
  void begin();
  void settle();
  /// Runs to the end. Throws what a bug of the runtime itself threw; everything else is in the results.
  void run();

  const std::string& name() const { return state_.plan.name; }
  RunStatus status() const;
  Outcomes outcomes() const { return results_.outcomes(); }
  /// What nodes have done so far.
  std::vector<NodeResult> nodes() const;
  /// That have come to each node so far.
  std::vector<std::uint64_t> packets() const;
  RunResult result();
  /// What is under way and what waits for memory, in words.
  std::string report() const;
  /// Calls that have ended.
  std::uint64_t calls() const { return log_.ended(); }
  RunState& state() { return state_; }
  std::vector<ScopePtr> open_scopes() { return scopes_->open_scopes(); }

 private:
  using JobPtr = std::shared_ptr<Job>;
  using TbbNode = tbb::flow::function_node<JobPtr, tbb::flow::continue_msg, tbb::flow::queueing>;

  void make_nodes(OutputFolders* folders);
  Budget::PointPlan point_plan(const PlanNode& node);
  void dispatch(Job job);
  void receive(const JobPtr& message);
  void execute(Job job);
  void resolve_stall();

  void call(const ScopePtr& scope, int node, std::uint64_t index, std::vector<Packet> packets) override;
  void passed_over(const ScopePtr& scope, int node, std::uint64_t index) override;
  void one_too_many(const ScopePtr& scope, int node, PortRef to) override;
  void act(const ScopePtr& scope, int node, std::uint64_t index, HeldAction& action) override;
  void finish(const ScopePtr& scope, int node) override;
  void outer_closed(int opener) override;

  tbb::global_control threads_;  // also more than there are cores, when asked
  tbb::task_arena arena_;
  std::unique_ptr<tbb::flow::graph> graph_;
  std::deque<TbbNode> tbb_nodes_;
  const std::chrono::steady_clock::time_point started_;
  CallLog log_;
  Results results_;
  RunState state_;
  Router router_;
  std::vector<OutputFolder*> run_folders_;
  std::unique_ptr<ScopeKeeper> scopes_;
  std::unique_ptr<Sources> sources_;
  std::unique_ptr<NodeCalls> calls_;
  std::atomic<std::uint64_t> executed_ = 0;  // jobs
  std::mutex bug_mutex_;
  std::exception_ptr bug_;
};

}  // namespace flowrun
