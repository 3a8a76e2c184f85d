// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/run_watcher.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace flowrun::view {

/// What the runs in output folders are doing, looked at once a second at most, however many ask. Thread-safe.
class LiveRuns {
 public:
  struct Moment {
    std::uint64_t number = 1;  ///< grows when something is new
    /// A list of {"folder", "groups"}, as RunWatcher has these, or {"folder", "problem"}. Of a group's runs
    /// those that go on or went wrong come first; beyond 50 they are left out, and counted as "more".
    nlohmann::json folders = nlohmann::json::array();
    bool over = true;  ///< no run goes on
    bool operator==(const Moment&) const = default;
  };

  /// @param seen  is called after each look, for what goes with it; what it throws is told as a problem
  LiveRuns(const std::vector<std::filesystem::path>& output_folders, std::function<void()> seen);

  /// Nothing while a look is on its way and the last one was long ago.
  std::shared_ptr<const Moment> now();

 private:
  Moment look();

  struct Folder {
    std::string name;
    RunWatcher watcher;
  };
  std::vector<Folder> folders_;  // guarded by looking_
  const std::function<void()> seen_;
  std::mutex looking_;
  std::shared_ptr<const Moment> latest_;            // guarded by mutex_
  std::chrono::steady_clock::time_point looked_{};  // guarded by mutex_
  std::mutex mutex_;
};

}  // namespace flowrun::view
