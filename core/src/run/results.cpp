// SPDX-License-Identifier: Apache-2.0
#include "run/results.h"

#include <algorithm>
#include <new>
#include <tuple>
#include <utility>

namespace flowrun {

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    return "out of memory";
  } catch (const std::exception& problem) {
    return problem.what();
  } catch (...) {
    return "threw something that is no std::exception";
  }
}

Results::Results(const RunOptions& options, std::vector<std::filesystem::path> folders)
    : options_(options), folders_(std::move(folders)) {
  for (const auto& folder : folders_)
    if (std::FILE* file = std::fopen(
            (folder / ".flowrun" / room_of(options_.part, options_.rank) / "scopes.jsonl").c_str(), "we"))
      lines_.emplace_back(file);
}

void Results::fail(RunFailure failure) {
  {
    std::scoped_lock lock(mutex_);
    ++failure_count_;
    any_failed_ |= failure.policy != OnError::skip;
    if (failures_.size() < most_listed) failures_.push_back(failure);
    latest_.push_back(failure);
    if (latest_.size() > Outcomes::most_latest) latest_.pop_front();
  }
  if (options_.on_failure) options_.on_failure(failure);
}

void Results::end_scope(ScopeResult result) {
  const std::string line =
      lines_.empty() ? ""
                     : to_json(result).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  std::scoped_lock lock(mutex_);
  ++counts_[result.status];
  ++ended_;
  if (result.status == ScopeStatus::done_before) ++passed_over_;
  for (const auto& file : lines_) std::fwrite(line.data(), 1, line.size(), file.get());
  if (scopes_.size() < most_listed) scopes_.push_back(std::move(result));
}

Outcomes Results::outcomes() const {
  std::scoped_lock lock(mutex_);
  return {counts_, failure_count_, {latest_.begin(), latest_.end()}};
}

void Results::move_to(RunResult& result) {
  std::scoped_lock lock(mutex_);
  lines_.clear();
  result.output_folders = folders_;
  result.scope_counts = counts_;
  result.scopes = std::move(scopes_);
  std::sort(result.scopes.begin(), result.scopes.end(),
            [](auto& a, auto& b) { return std::tie(a.name, a.status) < std::tie(b.name, b.status); });
  result.failure_count = failure_count_;
  result.failures = std::move(failures_);
  if (options_.interrupted && *options_.interrupted)
    result.exit = Exit::interrupted;
  else if (any_failed_)
    result.exit = Exit::failed;
  else if (failure_count_ > 0)
    result.exit = Exit::done_with_skips;
}

}  // namespace flowrun
