// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "graphs.h"
#include "outcome.h"

namespace flowrun::test {

class Ledger;

struct TrialOptions {
  std::vector<int> threads{1, 2, 4, 8};
  double memory_factor = 0;  ///< instead of the graph's; 0: the graph's
  double quiet_seconds = 10;
};

/// Runs one graph with each number of threads, and compares.
class Trial {
 public:
  enum class Kind { passed, refused, failed };
  Trial(RandomGraph graph, const TrialOptions& options, Ledger& ledger);

  Kind run();
  /// Of a graph that was refused, and of one that failed.
  const std::string& why() const { return why_; }
  bool stopped() const { return stopped_; }
  bool had_failures() const { return had_failures_; }
  std::size_t memory() const { return memory_; }
  /// How much of its memory the packets really took at most.
  double use() const {
    return memory_ > 0 ? static_cast<double>(most_held_) / static_cast<double>(memory_) : 0;
  }
  /// What is being done, for when it does not end.
  std::string state() const;

 private:
  bool measure();
  Outcome run_with(int threads);
  void compare(int threads, const Outcome& outcome);
  void complain(int threads, const std::string& what);

  const RandomGraph graph_;
  const std::string text_;
  const TrialOptions& options_;
  Ledger& ledger_;
  std::size_t memory_ = 0, most_held_ = 0;
  int threads_ = 0;
  bool stopped_ = false, had_failures_ = false, compares_ = false;
  Outcome first_;
  std::string why_;
};

}  // namespace flowrun::test
