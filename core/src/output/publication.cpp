// SPDX-License-Identifier: Apache-2.0
#include "output/publication.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>

namespace flowrun {
namespace {

/// Ids of one process sort in the order in which they were made.
std::string next_id() {
  static const auto started = std::chrono::system_clock::now().time_since_epoch().count();
  static std::atomic<unsigned> made = 0;
  return fmt::format("{:016x}-{:x}-{:08x}", started, ::getpid(), made++);
}

}  // namespace

/// One scope on its way: drafted, intended, agreed, completed; or rolled back.
class Publishing {
 public:
  explicit Publishing(const Publication& what) : what_(what), folders_(what.folders) {
    std::sort(folders_.begin(), folders_.end());
    folders_.erase(std::unique(folders_.begin(), folders_.end()), folders_.end());
  }

  const std::vector<OutputFolder*>& folders() const { return folders_; }
  std::exception_ptr error() const { return error_; }
  bool spans_file_systems() const {
    return std::any_of(folders_.begin(), folders_.end(),
                       [&](auto* folder) { return folder->device() != folders_.front()->device(); });
  }

  void draft() {
    Intent intent;
    intent.entry = what_.entry;
    intent.entry["publication"] = next_id();
    for (const OutputFolder* folder : folders_) intent.folders.push_back(folder->path());
    attempt([&](OutputFolder& folder) { folder.draft(what_.scope, intent); });
  }
  void intend() {
    attempt([&](OutputFolder& folder) { folder.intend(what_.scope); });
  }
  void complete() {
    agreed_ = true;  // all have their intent: only forward from here
    attempt([&](OutputFolder& folder) { folder.agree(what_.scope); });
    attempt([&](OutputFolder& folder) { folder.complete(what_.scope); });
  }
  void fail(std::exception_ptr error) {
    if (error_) return;
    error_ = std::move(error);
    if (!agreed_) roll_back();
  }

 private:
  void attempt(const auto& step) {
    for (OutputFolder* folder : folders_) {
      if (error_) return;
      try {
        step(*folder);
      } catch (const Error& problem) {
        fail(std::make_exception_ptr(agreed_ ? Error(problem.what() + still_to_complete()) : problem));
      } catch (...) {
        fail(std::current_exception());
      }
    }
  }

  std::string still_to_complete() const {
    return fmt::format("; '{}' is whole, and the next run will put it in place", what_.scope);
  }

  /// What cannot be removed now the next run removes.
  void roll_back() {
    for (OutputFolder* folder : folders_) try {
        folder->roll_back(what_.scope);
      } catch (...) {
      }
  }

  const Publication& what_;
  std::vector<OutputFolder*> folders_;
  std::exception_ptr error_;
  bool agreed_ = false;
};

namespace {

/// One sync for each file system: it takes the time of the slowest write, however many there are.
void flush(std::vector<Publishing>& batch, const auto& needs_it) {
  std::map<dev_t, std::exception_ptr> synced;
  const auto sync = [&](const OutputFolder& folder) -> std::exception_ptr {
    const auto [at, is_first] = synced.try_emplace(folder.device());
    if (is_first) try {
        folder.sync();
      } catch (...) {
        at->second = std::current_exception();
      }
    return at->second;
  };
  for (Publishing& each : batch) {
    if (each.error() || !needs_it(each)) continue;
    for (const OutputFolder* folder : each.folders())
      if (const auto problem = sync(*folder)) each.fail(problem);
  }
}

}  // namespace

std::vector<std::exception_ptr> publish(const std::vector<Publication>& publications) {
  std::vector<Publishing> batch(publications.begin(), publications.end());
  for (Publishing& each : batch) each.draft();
  flush(batch, [](const Publishing&) { return true; });
  for (Publishing& each : batch) each.intend();
  // Renames keep their order on the way to the disk only within a file system.
  flush(batch, [](const Publishing& each) { return each.spans_file_systems(); });
  for (Publishing& each : batch) each.complete();
  std::vector<std::exception_ptr> errors;
  for (const Publishing& each : batch) errors.push_back(each.error());
  return errors;
}

}  // namespace flowrun
