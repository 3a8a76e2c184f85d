// SPDX-License-Identifier: Apache-2.0
#include "run/run_state.h"

#include <flowrun/bytes.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <stdexcept>
#include <utility>

namespace flowrun {

Lease joined(std::vector<Lease> leases) {
  if (leases.empty()) return nullptr;
  if (leases.size() == 1) return std::move(leases.front());
  return std::make_shared<std::vector<Lease>>(std::move(leases));
}

void check_call(const Outputs& outputs) {
  if (outputs.ends_scopes()) throw std::logic_error("scopes can be ended in finish() only");
  if (outputs.kept()) throw std::logic_error("what is needed of a scope can be kept in finish() only");
}

bool RunState::stopping() const {
  return stopped.load(std::memory_order_relaxed) ||
         (options.interrupted && options.interrupted->load(std::memory_order_relaxed));
}

std::string RunState::opener_of(const ScopeRun& scope) const {
  return scope.is_run() ? "" : plan_of(scope.opener()).name;
}

void RunState::report(ScopeRun& scope, int node, OnError policy, const std::exception_ptr& error) {
  bool first = false;
  {
    std::scoped_lock lock(report_mutex_);
    // One slide that fails on every thread at once is one failure; but what stops the run is said.
    first = policy == OnError::skip || !scope.said || (policy == OnError::stop && !stopped);
    if (policy == OnError::stop) stopped = true;
    if (policy != OnError::skip) {
      scope.said = true;
      scope.fail();
    }
  }
  const bool all_lost = scope.is_run() || plan_of(scope.opener()).type->successive;
  if (policy == OnError::fail && all_lost) stopped = true;
  if (first)
    results.fail({node < 0 ? "" : plan_of(node).name, scope.is_run() ? "" : scope.name(), message_of(error),
                  policy, error, opener_of(scope)});
}

void RunState::report_for_good(ScopeRun& scope, int node, const std::exception_ptr& error) {
  report(scope, node, plan_of(node).on_error == OnError::stop ? OnError::stop : OnError::fail, error);
}

void RunState::tell(ScopeRun& scope, int node, const Outputs& outputs) {
  for (const std::string& text : outputs.notes()) scope.at(node).counts.notes.add(text);
  for (const report::Item& item : outputs.reported()) scope.at(node).reported.add(item);
  for (const std::string& why : outputs.left_out())
    results.fail(
        {plan_of(node).name, scope.is_run() ? "" : scope.name(), why, OnError::skip, {}, opener_of(scope)});
}

bool RunState::lease(Budget::Point& point, std::uint64_t turn, std::size_t bytes, Job& job) {
  job.lease = budget->take_now(point, {job.scope->age(), turn}, bytes);
  if (job.lease) {
    log.leased(budget->used());
    return true;
  }
  job.asked = true;
  auto waiting = std::make_shared<Job>(std::move(job));
  const auto since = CallLog::Clock::now();
  const auto granted = [this, waiting, turn, bytes, since](Lease lease) {
    const PlanNode& node = plan_of(waiting->node);
    if (lease)
      log.waited_for_memory(waiting->node, *waiting->scope, turn, since);
    else
      report(
          *waiting->scope, waiting->node, OnError::fail,
          std::make_exception_ptr(Error(fmt::format("'{}' needs {} that never become free; {} Raise memory.",
                                                    node.name, format_bytes(bytes), budget->describe()))));
    waiting->lease = std::move(lease);
    dispatch(std::move(*waiting));
  };
  if (Lease lease = budget->take_or_wait({&point, {waiting->scope->age(), turn}, bytes, granted}))
    granted(std::move(lease));
  return false;
}

}  // namespace flowrun
