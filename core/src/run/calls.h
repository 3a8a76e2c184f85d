// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "run/scope_run.h"

namespace flowrun {

/// Where the time of a node goes, in nanoseconds summed over threads and packets.
struct NodeTimes {
  std::atomic<std::uint64_t> working = 0, waiting_for_memory = 0, waiting_for_order = 0;
};

/// The calls of a run: which are under way, how long they took, and, where wanted, a trace of all in the
/// format of Chrome's about:tracing, which Perfetto opens. Thread-safe.
class CallLog {
 public:
  using Clock = std::chrono::steady_clock;
  enum class What { process, act, finish, make, start };

  /// `trace`: empty for none. Throws Error when it cannot be written.
  CallLog(const Plan& plan, int threads, const std::filesystem::path& trace);
  ~CallLog();

  /// Runs `call` as one of the node's.
  template <class Function>
  void measure(What what, int node, const std::shared_ptr<ScopeRun>& scope, std::uint64_t index,
               Function&& call) {
    const Measured measured(*this, {what, node, scope.get(), index, Clock::now()});
    call();
  }
  void waited_for_memory(int node, const ScopeRun& scope, std::uint64_t index, Clock::time_point since);
  void waited_for_order(int node, const ScopeRun& scope, std::uint64_t index, Clock::time_point since);
  /// A point of the trace's curve of leased bytes.
  void leased(std::size_t bytes);

  const NodeTimes& times(int node) const { return times_[static_cast<std::size_t>(node)]; }
  /// Calls that have ended.
  std::uint64_t ended() const { return ended_.load(std::memory_order_relaxed); }
  /// What is under way, a line each, the longest first.
  std::string under_way() const;
  bool traces() const { return trace_.is_open(); }

 private:
  struct Call {
    What what = What::process;
    int node = -1;
    const ScopeRun* scope = nullptr;
    std::uint64_t index = 0;
    Clock::time_point since = {};
  };
  struct alignas(64) Slot {
    std::mutex mutex;
    Call call;
  };
  class Measured {
   public:
    Measured(CallLog& log, Call call);
    ~Measured();
    Measured(const Measured&) = delete;
    Measured& operator=(const Measured&) = delete;

   private:
    CallLog& log_;
    Slot& slot_;
    Call before_;  // a node's own parallel loop may run another call meanwhile
  };

  Slot& slot();
  const std::string& name(int node) const { return plan_.at(node).name; }
  void write(const std::string& event);
  void write_wait(const char* what, int node, const ScopeRun& scope, std::uint64_t index,
                  Clock::time_point since);
  double micros(Clock::time_point at) const;

  const Plan& plan_;
  const Clock::time_point begin_ = Clock::now();
  mutable std::deque<Slot> slots_;
  std::deque<NodeTimes> times_;
  std::atomic<std::uint64_t> ended_ = 0, waits_ = 0;
  std::mutex trace_mutex_;
  std::ofstream trace_;
};

}  // namespace flowrun
