// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "run/budget.h"
#include "plan/plan.h"
#include "run/run.h"
#include "run/scope_run.h"

namespace flowrun {

constexpr const char* ended_elsewhere = "scopes can be ended in finish() only";

/// Runs a plan. Every node is one function_node that never rejects; packets travel through our own edges,
/// so that each is counted before it is sent; only sources wait, for a lease, and waiting takes no thread.
class Engine {
 public:
  Engine(Plan& plan, OutputFolders& folders, const RunOptions& options);

  /// Runs to the end. Throws what a bug of the runtime itself threw; everything else is in the results.
  void run();

  RunStatus status() const;
  RunResult result();

 private:
  using ScopePtr = std::shared_ptr<ScopeRun>;
  struct GeneratorRun;
  struct Job;
  using JobPtr = std::shared_ptr<Job>;
  using TbbNode = tbb::flow::function_node<JobPtr, tbb::flow::continue_msg, tbb::flow::queueing>;

  struct RunNode {
    PlanNode* plan = nullptr;
    Account* account = nullptr;  // of a leasing node
    std::unique_ptr<TbbNode> tbb;
    Counts counts;
    std::atomic<std::uint64_t> nanoseconds = 0;
    std::atomic<std::uint64_t> expected = 0;  // packets that its generators announced
    std::vector<Packet> outer;                // by input: the packet of the run that all scopes see
    bool redoing = false;                     // a successive opener: what follows is done anew, too
    std::atomic<bool> ended = false;          // a successive opener: see Outputs::end_scopes
    std::set<std::string> done;  // an opener: names of its scopes, also of earlier runs; under results_mutex_
  };

  // engine.cpp: jobs, scopes, finishing
  RunNode& at(int node) { return nodes_[static_cast<std::size_t>(node)]; }
  void dispatch(JobPtr job);
  void receive(const JobPtr& message);
  void execute(Job job);
  void process(Job& job);
  void finish(Job& job);
  void release(const ScopePtr& scope, int node, int packets = 1);
  void node_finished(const ScopePtr& scope, int node);
  std::vector<std::string> done_scopes(int opener);
  void end_scopes(const ScopeRun& scope);
  void settle(const ScopePtr& scope, int node);
  void scope_ended(const ScopePtr& scope);
  void report(const ScopePtr& scope, int node, OnError policy, std::exception_ptr error);
  void resolve_stall();
  bool stopping() const;

  // engine_packets.cpp: what happens to packets between nodes
  void deliver(const ScopePtr& scope, PortRef to, Packet packet);
  void take_in(const ScopePtr& scope, int node, Intake::Ready ready);
  void send(const ScopePtr& scope, int node, std::vector<Outputs::Emission>& emissions, std::uint64_t index,
            bool renumbered);
  void pass_over(const ScopePtr& scope, int node, std::uint64_t index);
  void close_edges(const ScopePtr& scope, int node);
  void close_edge(const ScopePtr& scope, PortRef to);
  void hand_in_outer(const ScopePtr& scope);
  void conclude(const ScopePtr& scope, int node, std::uint64_t index, std::function<void()> action);
  void act_in_order(const ScopePtr& scope, int node);

  // engine_sources.cpp: sources and leases
  bool take_lease(Job& job, const Inputs& inputs);
  void start(Job& job, Inputs& inputs);
  void step(Job& job);
  void make(Job& job);
  void end_generator(const std::shared_ptr<GeneratorRun>& generator);
  ScopePtr open_scope(int opener, NewScope spec, Lease lease);
  bool done_before(const std::string& name, const std::map<std::string, std::string>& identity, int opener);
  bool gathered_anew(int opener) const;

  Plan& plan_;
  OutputFolders& folders_;
  const RunOptions& options_;
  Budget budget_;
  tbb::global_control threads_;  // also more than there are cores, when asked
  tbb::task_arena arena_;
  std::unique_ptr<tbb::flow::graph> graph_;
  std::deque<RunNode> nodes_;
  ScopePtr run_scope_;

  std::atomic<bool> stopped_ = false;  // by an error with policy stop, or a bug
  std::atomic<bool> run_ended_ = false;
  std::atomic<std::uint64_t> ages_ = 0;
  std::atomic<std::uint64_t> scopes_done_ = 0, scopes_failed_ = 0, scopes_interrupted_ = 0,
                             scopes_skipped_ = 0;
  std::chrono::steady_clock::time_point started_;
  mutable std::mutex results_mutex_;
  std::vector<RunFailure> failures_;
  std::vector<ScopeResult> scopes_;
  std::exception_ptr bug_;
};

struct Engine::GeneratorRun {
  int node;
  ScopePtr scope;
  std::unique_ptr<Generator> generator;
  std::size_t bytes;  // leased for each packet
};

/// Orders what one thread wrote into a job before what the next reads from it. TBB's queues do that too, but
/// ThreadSanitizer cannot see into Debian's uninstrumented libtbb; so races in our own code stay visible.
class Handover {
 public:
  Handover() = default;
  Handover(Handover&&) noexcept {}
  void give() { given_.store(true, std::memory_order_release); }
  void take() { (void)given_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> given_ = false;
};

/// A piece of work for one node, executed by its TBB node.
struct Engine::Job {
  enum class Kind { process, step, make, finish };
  Kind kind;
  int node;
  ScopePtr scope;
  std::uint64_t index = 0;
  std::vector<Packet> packets = {};
  Lease lease = {};
  std::shared_ptr<GeneratorRun> generator = {};
  std::function<void(Outputs&)> make = {};
  ScopePtr opened = {};  ///< of Kind::make: the scope that its packet opens
  Handover handover = {};
};

}  // namespace flowrun
