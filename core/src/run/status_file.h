// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "output/output_folders.h"
#include "run/run.h"

namespace flowrun {

class Engine;

/// Tells those who look into the output folders what a run is doing: `.flowrun/status.json` of each, or of
/// its part's room, is replaced every two seconds and at the end; who reads it never sees half of it. It is
/// as long as the slides in work and the last failures. That it cannot be written is said once and changes
/// nothing of the run.
class StatusFile {
 public:
  static constexpr std::chrono::seconds interval{2};
  static constexpr std::size_t most_in_work = 100;  ///< names of scopes

  StatusFile(const Engine& engine, const OutputFolders& folders, const RunOptions& options);
  /// Says how it ended.
  void end(const RunResult& result);

 private:
  void work(std::stop_token stop);
  void write(const std::string& state);
  nlohmann::json json(const std::string& state);

  const Engine& engine_;
  const OutputFolders& folders_;
  const RunOptions& options_;
  const std::chrono::system_clock::time_point began_ = std::chrono::system_clock::now();
  std::uint64_t beats_ = 0;
  double seconds_before_ = 0;
  std::uint64_t packets_before_ = 0;
  bool told_ = false;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace flowrun
