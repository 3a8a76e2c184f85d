// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/packets.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "output/output_folders.h"
#include "run/publisher.h"
#include "run/run_state.h"

namespace flowrun {

/// Opens scopes, passes over those that are done, and ends them: published, or with nothing left of them.
class ScopeKeeper {
 public:
  /// `hold`, `let_go`: keep the run from ending while a scope is being published.
  /// `folders`: of the run; null when what is staged is at its final place at once.
  ScopeKeeper(RunState& state, OutputFolders* folders, std::function<void()> hold,
              std::function<void()> let_go);

  void begin_run(const std::vector<OutputFolder*>& folders);
  /// The scope, or nothing when it is done already or cannot be opened. It holds the lease.
  ScopePtr open(int opener, NewScope spec, const Lease& lease);
  /// The packet that opens the scope could not be made: there is nothing in it.
  void give_up(ScopeRun& scope);
  void node_finished(const ScopePtr& scope, int node);
  /// See Outputs::end_scopes.
  void end_after(const ScopeRun& scope);
  std::vector<ScopePtr> open_scopes();
  /// Those that are open, but for the run itself, the oldest first, with the packets that came to a node.
  std::vector<ScopeInWork> in_work(std::optional<std::size_t> node) const;
  bool run_ended() const { return run_ended_; }

 private:
  struct PointOfNode {
    int node;
    Budget::Point* point;
  };
  const std::vector<PointOfNode>& points_in(const ScopeRun& scope) const {
    return points_[static_cast<std::size_t>(scope.opener() + 1)];
  }
  ScopePtr begin_scope(int opener, std::string name, std::vector<OutputFolder*> folders);
  void add_identity(int opener, NewScope& spec);
  void refuse(int opener, const NewScope& spec, int node, const std::exception_ptr& why);
  void scope_ended(const ScopePtr& scope);
  void published(const ScopePtr& scope, const std::exception_ptr& problem);
  void note_kept_packets(ScopeRun& scope);
  void tell(ScopeRun& scope);

  RunState& state_;
  OutputFolders* const folders_;
  std::function<void()> hold_, let_go_;
  std::vector<std::vector<PointOfNode>> points_;  // by opener, the run first
  std::atomic<std::uint64_t> ages_ = 0;
  std::atomic<bool> run_ended_ = false;
  mutable std::mutex mutex_;
  std::set<ScopePtr> open_;
  Publisher publisher_;
};

}  // namespace flowrun
