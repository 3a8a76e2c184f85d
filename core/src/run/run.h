// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/rank.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "output/part.h"
#include "plan/plan.h"
#include "run/counts.h"

namespace flowrun {

/// Something that went wrong in a run; each is reported and, up to a number, listed.
struct RunFailure {
  std::string node;
  std::string scope;  ///< empty: the run itself
  std::string message;
  OnError policy;
  std::exception_ptr error = {};  ///< what was thrown, if anything was
  std::string opener = {};        ///< the node that opens the scope: others may open one of that name, too
};

enum class ScopeStatus { done, failed, left_out, interrupted, done_before };
const char* to_string(ScopeStatus status);

/// What became of a scope.
struct ScopeResult {
  std::string kind;
  std::string name;
  ScopeStatus status = ScopeStatus::done;
  std::map<std::string, ScopeCounts> counts;  ///< by node; empty when it was done before
  std::string opener = {};                    ///< the node
};

struct NodeResult : PacketCounts {
  std::string name;
  std::string type;
  double working = 0;             ///< seconds in calls and actions, summed over threads
  double waiting_for_memory = 0;  ///< seconds that its packets waited for a lease, summed up
  double waiting_for_order = 0;   ///< seconds that its packets waited for their turn, summed up
  double share = 0;               ///< of the time in which as many of its calls as may run at once could work
};

/// Packets that go from an output to an input.
struct EdgeResult {
  std::string from, output, to, input;
  std::string type;
  bool stream = false;    ///< any number of packets a scope
  std::size_t bytes = 0;  ///< of a packet at most, as planned; 0: it depends on the packet
};

/// Exit codes of a run.
enum class Exit { done = 0, failed = 1, usage = 2, done_with_skips = 3, interrupted = 130 };

/// How many scopes and failures a result lists, so that it does not grow with the cohort. Each scope is a
/// line of `.flowrun/scopes.jsonl` in the output folders.
constexpr std::size_t most_listed = 200;

struct RunResult {
  std::string name;
  std::optional<Part> part;       ///< unset: it did all
  std::vector<std::string> left;  ///< nodes that the run of a part left to the run of all
  Exit exit = Exit::done;
  double seconds = 0;
  std::chrono::system_clock::time_point ended;
  int threads = 1;
  std::size_t memory = 0;
  std::size_t peak_leased = 0;  ///< bytes
  std::size_t peak_rss = 0;     ///< bytes, of the process so far
  std::vector<NodeResult> nodes;
  std::vector<EdgeResult> edges;
  std::string bottleneck;  ///< in words; empty when there was none
  std::map<ScopeStatus, std::uint64_t> scope_counts;
  std::vector<ScopeResult> scopes;            ///< the first that ended, by name
  std::map<std::string, ScopeCounts> counts;  ///< of what belongs to the run itself, by node
  std::uint64_t failure_count = 0;
  std::vector<RunFailure> failures;  ///< the first
  std::vector<std::filesystem::path> output_folders;
};

/// A scope that is open.
struct ScopeInWork {
  std::string name;
  std::uint64_t packets = 0;  ///< of those that RunStatus counts
};

/// A moment of a run, for progress.
struct RunStatus {
  double seconds = 0;
  std::string scope_kind;  ///< "slide"; empty: no node opens scopes
  std::uint64_t scopes_ended = 0;
  std::uint64_t scopes_passed_over = 0;  ///< of these: done before
  std::optional<std::uint64_t> scopes_expected;
  std::string packet_name;                      ///< "tile": what the busiest node at which packets end takes
  std::optional<std::size_t> packet_node = {};  ///< which that is
  std::uint64_t packets = 0;
  std::vector<ScopeInWork> in_work = {};  ///< the oldest first
  std::size_t leased = 0;
  std::size_t memory = 0;
};

struct RunOptions {
  bool force = false;                                      ///< redo what is done
  std::optional<Part> part = {};                           ///< unset: do all
  Rank rank = {};                                          ///< of those that train together: rank_of_run()
  const std::atomic<bool>* interrupted = nullptr;          ///< becomes true when the user wants an end
  std::function<void(const RunFailure&)> on_failure = {};  ///< called as they happen, from any thread
  std::function<void(const RunStatus&)> on_progress = {};  ///< called about every `progress_seconds`
  double progress_seconds = 1;
  /// Called with what is under way, in words, when nothing has moved for `quiet_seconds`, and when
  /// `asked_for_report` was set, which is cleared then.
  std::function<void(const std::string&)> on_report = {};
  std::atomic<bool>* asked_for_report = nullptr;
  double quiet_seconds = 30;
  std::filesystem::path trace = {};  ///< a Chrome trace is written there; empty: none
};

/// Runs a plan to its end. Throws Error when an output folder cannot be used; what goes wrong later is in
/// the result.
RunResult run(Plan& plan, const RunOptions& options);

/// The result for people, and for programs.
std::string summary_text(const RunResult& result);
nlohmann::json summary_json(const RunResult& result);
nlohmann::json to_json(const ScopeCounts& counts);
nlohmann::json to_json(const ScopeResult& scope);
nlohmann::json to_json(const NodeResult& node);
nlohmann::json to_json(const RunFailure& failure);
/// "2026-01-31T23:59:59Z".
std::string in_utc(std::chrono::system_clock::time_point time);

}  // namespace flowrun
