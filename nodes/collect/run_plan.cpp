// SPDX-License-Identifier: Apache-2.0
#include "run_plan.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <optional>
#include <set>
#include <utility>

#include "copy.h"
#include "descriptor.h"
#include "nodes/table/slide_list.h"

namespace flowrun::wsi::collect {
namespace {

namespace fs = std::filesystem;
using What = Operation::Kind;

/// The second folder that a plan writes to, if there is one.
bool has_folder_for_logs(const Plan& plan) {
  return !plan.logs.empty() && plan.logs != plan.slides;
}

}  // namespace

void PlanRunner::run(const Plan& plan, const Journal& journal, int number) {
  take_all(plan, Steps(plan, number), true);
  if (!stopped_) journal.mark_done(number);
}

void PlanRunner::go_on(const Journal& journal, int number) {
  const Plan plan = journal.read(number);
  if (!is_there(plan.source))
    throw Error(fmt::format("an interrupted run has to be finished first, but its source {} is not there",
                            printable(plan.source.string())));
  calls_.say(fmt::format("finishing an interrupted run on {}", printable(plan.source.string())));
  std::optional<FolderLock> logs_lock;
  if (has_folder_for_logs(plan)) logs_lock.emplace(plan.logs);
  const Steps steps(plan, number);
  std::vector<std::string> to_delete;
  for (std::size_t i = 0; i < plan.operations.size(); ++i) {
    steps.clean_up(i);
    if (plan.operations[i].kind == What::erase && is_there(plan.from(plan.operations[i])))
      to_delete.push_back(plan.from(plan.operations[i]).string());
  }
  take_all(plan, steps, delete_others_ && !to_delete.empty() && calls_.may_delete(to_delete));
  if (!stopped_) journal.mark_done(number);
}

bool PlanRunner::interrupted() {
  if (!calls_.interrupted()) return false;
  result_.interrupted = stopped_ = true;
  return true;
}

void PlanRunner::take_all(const Plan& plan, const Steps& steps, bool may_delete) {
  const auto& all = plan.operations;
  for (std::size_t first = 0, end = 0; first < all.size() && !stopped_; first = end) {
    for (end = first + 1; end < all.size() && all[end - 1].companion;) ++end;
    if (interrupted()) return;
    if (all[first].kind == What::erase && !may_delete) continue;
    take_together(plan, steps, first, end);
  }
}

/// A slide and its companion folder: both or neither.
void PlanRunner::take_together(const Plan& plan, const Steps& steps, std::size_t first, std::size_t end) {
  for (std::size_t i = first; i < end; ++i) {
    if (take(plan, steps, i)) continue;
    while (i-- > first) {
      try {
        steps.take_back(i);
      } catch (const Error& problem) {
        failed(plan, plan.operations[i], problem.what());
      }
    }
    return;
  }
}

bool PlanRunner::take(const Plan& plan, const Steps& steps, std::size_t index) {
  const Operation& operation = plan.operations[index];
  try {
    if (steps.take(index) == Step::taken)
      record(plan, operation);
    else if (operation.kind != What::remove_folder && !operation.companion)
      ++result_.done_before;
    return true;
  } catch (const DiskFull& problem) {
    failed(plan, operation,
           std::string(problem.what()) + "; what is not moved stays where it is: make room and run it again");
    stopped_ = true;
  } catch (const Error& problem) {
    failed(plan, operation, problem.what());
  }
  return false;
}

void PlanRunner::failed(const Plan& plan, const Operation& operation, const std::string& message) {
  result_.failures.push_back({plan.from(operation).string(), message});
}

void PlanRunner::record(const Plan& plan, const Operation& operation) {
  const std::string from = plan.from(operation).string();
  if (operation.kind == What::erase) result_.deleted.push_back(from);
  if (operation.companion) return;
  if (operation.kind == What::remove_folder) result_.removed_folders.push_back(from);
  if (operation.kind == What::erase || operation.kind == What::remove_folder) return;
  const Went went{from, plan.to(operation).string()};
  if (operation.kind == What::duplicate) return result_.duplicates.push_back(went);
  (operation.log ? result_.logs : result_.slides).push_back(went);
  if (operation.to != own_name(plan, operation)) result_.renamed.push_back(went);
}

void PlanRunner::pretend(const Plan& plan) {
  for (const Operation& operation : plan.operations)
    if (is_there(plan.from(operation))) record(plan, operation);
}

void PlanRunner::record_back(const Plan& plan, const Operation& operation) {
  const Went went{plan.to(operation).string(), plan.from(operation).string()};
  if (operation.companion) return;
  if (operation.kind == What::move) (operation.log ? result_.logs : result_.slides).push_back(went);
  if (operation.kind == What::duplicate) result_.duplicates.push_back(went);
  if (operation.kind == What::remove_folder) result_.removed_folders.push_back(went.to);
}

void PlanRunner::pretend_back(const Plan& plan) {
  for (std::size_t i = plan.operations.size(); i-- > 0;) {
    const Operation& operation = plan.operations[i];
    if (is_there(plan.from(operation))) continue;
    if (operation.kind == What::erase) ++result_.beyond_return;
    record_back(plan, operation);
  }
}

bool PlanRunner::take_back_all(const Plan& plan, int number) {
  const Steps steps(plan, number);
  bool whole = true;
  for (std::size_t i = plan.operations.size(); i-- > 0;) {
    const Operation& operation = plan.operations[i];
    if (!operation.companion && interrupted()) return false;
    try {
      steps.clean_up(i);
      if (steps.take_back(i) == Step::taken) record_back(plan, operation);
    } catch (const DiskFull& problem) {
      failed(plan, operation, std::string(problem.what()) + "; make room and undo it again");
      stopped_ = true;
      return false;
    } catch (const Error& problem) {
      failed(plan, operation, problem.what());
      whole = false;
    }
  }
  return whole;
}

void PlanRunner::undo_all(const Journal& journal, const fs::path& slides) {
  std::vector<std::pair<int, Plan>> plans;
  for (const auto& [number, done] : journal.plans()) {
    plans.emplace_back(number, journal.read(number));
    const Plan& plan = plans.back().second;
    for (const Operation& operation : plan.operations)
      if (operation.kind == What::erase && !is_there(plan.from(operation))) ++result_.beyond_return;
  }
  if (result_.beyond_return > 0)
    calls_.say(
        fmt::format("{} files were deleted by --delete-others and cannot come back", result_.beyond_return));
  std::set<fs::path> used{slides};
  std::vector<fs::path> made;
  bool whole = true;
  for (auto it = plans.rbegin(); it != plans.rend() && !stopped_; ++it) {
    const auto& [number, plan] = *it;
    std::optional<FolderLock> logs_lock;
    if (has_folder_for_logs(plan)) logs_lock.emplace(plan.logs);
    journal.mark_open(number);
    if (!take_back_all(plan, number)) {
      whole = false;
      continue;
    }
    journal.remove(number);
    if (has_folder_for_logs(plan)) used.insert(plan.logs);
    made.insert(made.begin(), plan.made.begin(), plan.made.end());
  }
  if (!whole) return;
  for (const fs::path& folder : used) remove_whole(folder / journal_folder);
  for (auto it = made.rbegin(); it != made.rend(); ++it) ::rmdir(it->c_str());
}

}  // namespace flowrun::wsi::collect
