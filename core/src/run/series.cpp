// SPDX-License-Identifier: Apache-2.0
#include "run/series.h"

#include <unistd.h>

#include <fstream>

#include "run/engine.h"

namespace flowrun {
namespace {

constexpr auto first_interval = std::chrono::milliseconds(50);

}  // namespace

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t size = 0, resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void Series::add(const Sample& sample) {
  samples_.push_back(sample);
  if (samples_.size() < most_samples) return;
  for (std::size_t i = 0; 2 * i < samples_.size(); ++i) samples_[i] = samples_[2 * i];
  samples_.resize((samples_.size() + 1) / 2);
  every_ *= 2;
}

nlohmann::json Series::json(std::optional<std::size_t> node) const {
  nlohmann::json seconds = nlohmann::json::array(), leased = seconds, rss = seconds, packets = seconds,
                 scopes = seconds;
  for (const Sample& sample : samples_) {
    seconds.push_back(sample.seconds);
    leased.push_back(sample.leased);
    rss.push_back(sample.rss);
    packets.push_back(node ? sample.packets.at(*node) : 0);
    scopes.push_back(sample.scopes);
  }
  return {{"seconds", seconds},
          {"leased_bytes", leased},
          {"rss_bytes", rss},
          {"packets", packets},
          {"scopes", scopes}};
}

SeriesRecorder::SeriesRecorder(const Engine& engine)
    : engine_(engine), thread_([this](std::stop_token stop) { work(stop); }) {}

Series::Sample SeriesRecorder::sample() const {
  const RunStatus status = engine_.status();
  return {status.seconds, status.leased, resident_bytes(), status.scopes_ended, engine_.packets()};
}

void SeriesRecorder::work(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  do series_.add(sample());
  while (
      !wake_.wait_for(lock, stop, first_interval * series_.every(), [&] { return stop.stop_requested(); }));
}

nlohmann::json SeriesRecorder::end() {
  thread_.request_stop();
  thread_.join();
  series_.add(sample());
  const RunStatus status = engine_.status();
  nlohmann::json out = series_.json(status.packet_node);
  out["packet_name"] = status.packet_name;
  out["scope_kind"] = status.scope_kind;
  return out;
}

}  // namespace flowrun
