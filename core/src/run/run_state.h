// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "run/budget.h"
#include "run/calls.h"
#include "run/results.h"
#include "run/router.h"

namespace flowrun {

/// What a node has for the whole run.
struct NodeRun {
  PlanNode* plan = nullptr;
  Budget::Point* packets = nullptr;         ///< leases of packets that it makes, opens or is asked to work on
  Budget::Point* finish = nullptr;          ///< of the call at the end of a scope
  Budget::Point* run_finish = nullptr;      ///< of that at the end of the run, of a node that gathers scopes
  std::atomic<std::uint64_t> expected = 0;  ///< packets that it announced
  bool left = false;                        ///< by a run of a part, to the run of all; by a rank, to rank 0
  bool before_training = false;             ///< of a run by ranks: a training depends on what it makes
  std::map<std::string, std::string>
      kept;  ///< by scope, where no folder keeps it; guarded by the opener's mutex
  // Of one that opens scopes:
  std::atomic<bool> ended = false;     ///< see Outputs::end_scopes
  bool redoing = false;                ///< successive: what follows is done anew, too
  std::string recipe;                  ///< of its scopes
  std::vector<OutputFolder*> folders;  ///< of the nodes that work in its scopes
  std::mutex mutex;                    ///< of what follows
  std::map<std::string, bool> scopes;  ///< by name: done, also by earlier runs
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

/// Packets or scopes that are being made, one lease after the other.
struct Generator {
  int node;
  ScopePtr scope;
  Packets packets;
  Scopes scopes;
  std::size_t bytes;    ///< leased for each
  bool at_end = false;  ///< what a node still emits when a scope, or the run, has ended
  // Touched by one step at a time:
  std::uint64_t made = 0;
  Packets::Make next = {};    ///< waits for its lease
  std::atomic<int> open = 1;  ///< packets being made, and whether more may come
};

/// A piece of work for one node.
struct Job {
  enum class Kind { call, finish, step, make };
  Kind kind;
  int node;
  ScopePtr scope;
  std::uint64_t index = 0;
  std::vector<Packet> packets = {};
  Lease lease = {};
  bool asked = false;         ///< for the lease, and waited for it
  std::size_t out_bytes = 0;  ///< of the lease: what remains after the call
  std::shared_ptr<Generator> generator = {};
  Packets::Make make = {};
  ScopePtr opened = {};  ///< of Kind::make: the scope that its packet opens
  Handover handover = {};
};

/// What the parts of the engine share.
struct RunState {
  RunState(Plan& plan, const RunOptions& options, std::shared_ptr<Budget> budget, Results& results,
           CallLog& log)
      : plan(plan),
        options(options),
        budget(std::move(budget)),
        nodes(plan.nodes.size()),
        totals(plan.nodes.size()),
        results(results),
        log(log) {}

  Plan& plan;
  const RunOptions& options;
  std::shared_ptr<Budget> budget;
  std::deque<NodeRun> nodes;
  std::deque<Counts> totals;  ///< by node
  Results& results;
  CallLog& log;
  Router* router = nullptr;
  ScopePtr run_scope;
  std::function<void(Job)> dispatch;
  std::atomic<bool> stopped = false;  ///< by an error with policy stop, or a bug

  NodeRun& at(int node) { return nodes[static_cast<std::size_t>(node)]; }
  const PlanNode& plan_of(int node) const { return plan.at(node); }
  /// The name of the node that opens it; empty: it is the run.
  std::string opener_of(const ScopeRun& scope) const;
  /// Nothing new is to be begun.
  bool stopping() const;
  /// Something went wrong in a scope; `node` -1: in none of them.
  void report(ScopeRun& scope, int node, OnError policy, const std::exception_ptr& error);
  /// A call at the end of a scope, or one that is in order, failed: half a result is none.
  void report_for_good(ScopeRun& scope, int node, const std::exception_ptr& error);
  /// What a call told the user besides its results.
  void tell(ScopeRun& scope, int node, const Outputs& outputs);
  /// Gives the job its lease. False: it has none yet, and will be executed anew once it has, or without when
  /// the lease was given up, which is reported then.
  bool lease(Budget::Point& point, std::uint64_t turn, std::size_t bytes, Job& job);

 private:
  std::mutex report_mutex_;
};

/// What only a call at the end of a scope may do. Throws std::logic_error.
void check_call(const Outputs& outputs);

/// The leases of several packets as one.
Lease joined(std::vector<Lease> leases);

}  // namespace flowrun
