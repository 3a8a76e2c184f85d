// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace flowrun {

class Engine;

/// How a run went over time, in at most 999 samples however long it takes: where there are more, every
/// second one goes and the rest are taken half as often.
class Series {
 public:
  struct Sample {
    double seconds = 0;
    std::size_t leased = 0, rss = 0;  ///< bytes; of the process
    std::uint64_t scopes = 0;
    std::vector<std::uint64_t> packets = {};  ///< by node
  };
  static constexpr std::size_t most_samples = 999;  ///< odd: of these the first and the last stay

  void add(const Sample& sample);
  /// How many of the samples offered are kept: one in so many.
  std::uint64_t every() const { return every_; }
  const std::vector<Sample>& samples() const { return samples_; }
  /// Columns, as they are kept in `.flowrun/series.json`; of packets those of one node, none: zeros.
  nlohmann::json json(std::optional<std::size_t> node) const;

 private:
  std::vector<Sample> samples_;
  std::uint64_t every_ = 1;
};

/// Of the process, as it is now.
std::size_t resident_bytes();

/// Takes samples of a run on a thread of its own, from its beginning to end().
class SeriesRecorder {
 public:
  explicit SeriesRecorder(const Engine& engine);
  /// Takes the last sample. What packets and scopes are called is in the result, too.
  nlohmann::json end();

 private:
  void work(std::stop_token stop);
  Series::Sample sample() const;

  const Engine& engine_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  Series series_;        // of the thread, until it ended
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace flowrun
