// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace flowrun {

/// Something that went wrong in a run; each is reported and listed.
struct RunFailure {
  std::string node;
  std::string scope;  ///< empty: the run itself
  std::string message;
  OnError policy;
};

/// What became of a scope.
struct ScopeResult {
  std::string kind;
  std::string name;
  std::string status;     ///< done, failed, interrupted, done before
  nlohmann::json counts;  ///< node -> in, out, dropped, failed; reasons and notes with counts
};

struct NodeResult {
  std::string name;
  std::string type;
  std::uint64_t in = 0, out = 0, dropped = 0, failed = 0;
  std::map<std::string, std::uint64_t> reasons;  ///< of those dropped
  double seconds = 0;                            ///< in calls, summed over threads
};

/// Exit codes of a run.
enum class Exit { done = 0, failed = 1, usage = 2, done_with_skips = 3, interrupted = 130 };

struct RunResult {
  std::string name;
  Exit exit = Exit::done;
  double seconds = 0;
  std::size_t memory = 0;
  std::size_t peak_leased = 0;  ///< bytes
  std::size_t peak_rss = 0;     ///< bytes, of the process so far
  std::vector<NodeResult> nodes;
  std::vector<ScopeResult> scopes;
  nlohmann::json counts;  ///< of what belongs to the run itself, as those of a scope
  std::vector<RunFailure> failures;
};

/// A moment of a run, for progress.
struct RunStatus {
  double seconds = 0;
  std::string scope_kind;  ///< "slide"; empty: no source opens scopes
  std::uint64_t scopes_ended = 0;
  std::optional<std::uint64_t> scopes_expected;
  std::string packet_name;  ///< "tile": what the busiest node at which packets end takes
  std::uint64_t packets = 0;
  std::size_t leased = 0;
  std::size_t memory = 0;
};

struct RunOptions {
  bool force = false;                                      ///< redo what is done
  const std::atomic<bool>* interrupted = nullptr;          ///< becomes true when the user wants an end
  std::function<void(const RunFailure&)> on_failure = {};  ///< called as they happen, from any thread
  std::function<void(const RunStatus&)> on_progress = {};  ///< called about every `progress_seconds`
  double progress_seconds = 1;
};

/// Runs a plan to its end. Throws Error when an output folder cannot be used; what goes wrong later is in
/// the result.
RunResult run(Plan& plan, const RunOptions& options);

/// The result for people, and for programs.
std::string summary_text(const RunResult& result);
nlohmann::json summary_json(const RunResult& result);

}  // namespace flowrun
