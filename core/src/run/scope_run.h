// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/node.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "run/intake.h"
#include "output/output_folders.h"
#include "plan/plan.h"
#include "run/tally.h"

namespace flowrun {

/// Packets of a node: each that came in went out, was dropped (a filter's choice) or failed.
struct Counts {
  std::atomic<std::uint64_t> in = 0;
  std::atomic<std::uint64_t> out = 0;
  std::atomic<std::uint64_t> dropped = 0;
  std::atomic<std::uint64_t> failed = 0;
  Tally reasons;  ///< of those dropped, where the node gave one
};

/// One node's part in one scope.
struct NodeScope {
  NodeScope(const PlanNode& node);

  /// Packets on their way to the node or in it, nodes before it that have not finished the scope, and scopes
  /// within this one. Reaches zero once: then nothing more can come and the node finishes the scope.
  std::atomic<std::int64_t> pending = 0;
  std::atomic<bool> settled = false;
  const bool plain;  ///< one input, nothing to join, wait for or order: packets bypass the intake
  std::mutex mutex;  // guards intake, actions, acting
  Intake intake;
  Sequencer<std::function<void()>> actions;  ///< see Outputs::in_order
  bool acting = false;
  std::uint64_t emitted = 0;  ///< packets numbered by the node itself; touched by one call at a time
  std::vector<std::atomic<std::uint64_t>> sent;  ///< by output
  Counts counts;
  Tally notes;  ///< what the node wants the user to know
  ScopeState state;
};

/// What the journal and the staging folder of a scope are called; no node's name has a dot.
std::string journal_name(const Plan& plan, int opener, const std::string& scope);

/// A scope of a run: what is still to come in it, what it holds, what became of it. Thread-safe.
class ScopeRun final : public Scope {
 public:
  /// `opener`: the source that opened it, -1 for the run itself. `age` grows with each scope.
  ScopeRun(const Plan& plan, int opener, std::string name, std::uint64_t age,
           OutputFolders& folders);

  const std::string& kind() const override { return kind_; }
  const std::string& name() const override { return name_; }
  bool failed() const override { return failed_.load(std::memory_order_acquire); }
  std::filesystem::path stage(const std::filesystem::path& output_folder,
                              const std::filesystem::path& unit) const override;
  std::filesystem::path hand_on(const std::filesystem::path& output_folder,
                                const std::filesystem::path& unit) const override;

  NodeScope& at(int node) { return *nodes_[static_cast<std::size_t>(node)]; }
  bool has(int node) const { return nodes_[static_cast<std::size_t>(node)] != nullptr; }
  int opener() const { return opener_; }
  bool is_run() const { return opener_ < 0; }
  std::uint64_t age() const { return age_; }
  void fail() { failed_.store(true, std::memory_order_release); }

  /// Publishes what was staged, with the journal entry. Throws Error.
  void publish(const nlohmann::json& entry);
  void discard();
  nlohmann::json counts(const Plan& plan);
  /// The first node whose packets do not add up, in words; empty when all do.
  std::string broken_sum(const Plan& plan);

  std::atomic<int> unfinished = 0;  ///< nodes that have not finished it
  std::atomic<int> unsettled = 0;   ///< nodes that have not yet got the lease that the scope needs to go on
  Lease lease;                      ///< of its opener, held until it ends
  bool said = false;                ///< a failure in it was reported; guarded by who reports
  std::map<std::string, std::string> identity;

 private:
  OutputFolder& folder_at(const std::filesystem::path& path) const;

  std::string kind_;
  std::string name_;
  std::string folder_name_;  // of its staging and journal
  int opener_;
  std::uint64_t age_;
  std::atomic<bool> failed_ = false;
  OutputFolders& folders_;
  std::vector<std::unique_ptr<NodeScope>> nodes_;  // by plan node; null: takes no part
};

}  // namespace flowrun
