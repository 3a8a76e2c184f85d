// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "run/run.h"

namespace flowrun {

class OutputFolder;

/// What an exception says, whatever it is.
std::string message_of(const std::exception_ptr& error);

/// What became of scopes so far, and what went wrong.
struct Outcomes {
  static constexpr std::size_t most_latest = 20;
  std::map<ScopeStatus, std::uint64_t> scopes;
  std::uint64_t failures = 0;
  std::vector<RunFailure> latest;  ///< of the failures
};

/// What becomes of scopes and what goes wrong, as it happens. Thread-safe.
class Results {
 public:
  /// Each scope that ends is a line in a file of each folder.
  Results(const RunOptions& options, std::vector<std::filesystem::path> folders);

  /// Counts, lists and tells a failure.
  void fail(RunFailure failure);
  void end_scope(ScopeResult result);

  std::uint64_t ended() const { return ended_.load(std::memory_order_relaxed); }
  std::uint64_t passed_over() const { return passed_over_.load(std::memory_order_relaxed); }
  Outcomes outcomes() const;
  /// Moves what was found into the result.
  void move_to(RunResult& result);

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  const RunOptions& options_;
  const std::vector<std::filesystem::path> folders_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<std::FILE, Close>> lines_;
  std::map<ScopeStatus, std::uint64_t> counts_;
  std::vector<ScopeResult> scopes_;
  std::uint64_t failure_count_ = 0;
  bool any_failed_ = false;
  std::vector<RunFailure> failures_;  // the first
  std::deque<RunFailure> latest_;
  std::atomic<std::uint64_t> ended_ = 0, passed_over_ = 0;
};

}  // namespace flowrun
