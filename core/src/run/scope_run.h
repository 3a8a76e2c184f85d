// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/node.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "run/counts.h"
#include "run/gathered.h"
#include "run/intake.h"
#include "run/reported.h"
#include "run/sequencer.h"

namespace flowrun {

class OutputFolder;
class OutputFolders;
class ScopeRun;

/// What a call gave to be done in its turn, and the leases of what it holds.
struct HeldAction {
  std::vector<Lease> leases;  ///< before the action, which they outlive
  Action action;
  std::chrono::steady_clock::time_point since = {};  ///< when it began to wait
};

/// One node's part in one scope; to the node, the scope.
struct NodeScope final : Scope {
  NodeScope(const PlanNode& node, ScopeRun& scope, Counts& total);

  const std::string& kind() const override;
  const std::string& name() const override;
  bool failed() const override;
  std::filesystem::path stage(const std::filesystem::path& output_folder,
                              const std::filesystem::path& unit) const override;
  std::filesystem::path hand_on(const std::filesystem::path& output_folder,
                                const std::filesystem::path& unit) const override;

  std::filesystem::path staged(const std::filesystem::path& output_folder, const std::filesystem::path& unit,
                               bool handed_on) const;

  ScopeRun& scope;
  const std::string& node;
  /// Packets on their way to the node or in it, nodes before it that have not finished the scope, and scopes
  /// within this one. Reaches zero once: then nothing more can come and the node finishes the scope.
  std::atomic<std::int64_t> pending = 0;
  const bool plain;  ///< one input, nothing to join, wait for or order: packets bypass the intake
  std::mutex mutex;  ///< of intake, actions, acting
  Intake intake;
  Sequencer<HeldAction> actions;
  bool acting = false;
  std::uint64_t emitted = 0;  ///< packets numbered by the node itself; touched by one call at a time
  Gathered gathered;          ///< likewise
  std::vector<std::atomic<std::uint64_t>> sent;  ///< by output
  Counts counts;
  Reported reported;
  ScopeState state;
};

/// A scope of a run: what is still to come in it, what became of it. Thread-safe.
class ScopeRun final {
 public:
  /// `opener`: the node that opened it, -1 for the run itself. `age` grows with each scope. `folders`: of the
  /// nodes that take part. `totals`: by node, where its packets are counted, too.
  ScopeRun(const Plan& plan, int opener, std::string name, std::uint64_t age,
           std::vector<OutputFolder*> folders, std::deque<Counts>& totals);

  const std::string& kind() const { return kind_; }
  const std::string& name() const { return name_; }
  bool failed() const { return failed_.load(std::memory_order_acquire); }
  /// What it is called in the journal.
  const std::string& journal_name() const { return journal_name_; }
  const std::vector<OutputFolder*>& folders() const { return folders_; }

  NodeScope& at(int node) { return *nodes_[static_cast<std::size_t>(node)]; }
  /// That came to a node; none where it takes no part.
  std::uint64_t packets_at(std::size_t node) const {
    return nodes_[node] ? nodes_[node]->counts.in.load() : 0;
  }
  int opener() const { return opener_; }
  bool is_run() const { return opener_ < 0; }
  std::uint64_t age() const { return age_; }
  void fail() { failed_.store(true, std::memory_order_release); }

  /// By node, of those that took part.
  std::map<std::string, ScopeCounts> counts(const Plan& plan) const;
  /// What nodes reported, by node; an empty object where none did.
  nlohmann::json reported(const Plan& plan) const;
  /// The first node whose packets do not add up, in words; empty when all do.
  std::string broken_sum(const Plan& plan) const;

  std::atomic<int> unfinished = 0;       ///< nodes that have not finished it
  Lease lease;                           ///< of its opener, held until it ends
  OutputFolders* all_folders = nullptr;  ///< of the run; null: what is staged is at its final place at once
  bool said = false;                     ///< a failure in it was reported; guarded by who reports
  bool left_out = false;                 ///< it failed, and its opener skips what fails; likewise
  std::map<std::string, std::string> identity;

 private:
  std::string kind_;
  std::string name_;
  std::string journal_name_;
  int opener_;
  std::uint64_t age_;
  std::atomic<bool> failed_ = false;
  std::vector<OutputFolder*> folders_;
  std::vector<std::unique_ptr<NodeScope>> nodes_;  // by plan node; null: takes no part
};

/// What the journal and the staging folder of a scope are called; no node's name has a dot.
std::string journal_name(const Plan& plan, int opener, const std::string& scope);

}  // namespace flowrun
