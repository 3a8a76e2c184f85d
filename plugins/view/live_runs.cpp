// SPDX-License-Identifier: Apache-2.0
#include "live_runs.h"

#include <algorithm>

#include "nodes/table/slide_list.h"

namespace flowrun::view {
namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
constexpr std::size_t most_runs = 50;

int rank(const json& run) {
  const std::string state = run.at("state");
  if (state == "gone" || state == "failed") return 0;
  return state == "running" || state == "stopping" ? 1 : 2;
}

void shorten(json& group) {
  auto& runs = group.at("runs").get_ref<json::array_t&>();
  if (runs.size() <= most_runs) return;
  std::ranges::stable_sort(runs, {}, rank);
  group["more"] = runs.size() - most_runs;
  runs.erase(runs.begin() + most_runs, runs.end());
}

}  // namespace

LiveRuns::LiveRuns(const std::vector<std::filesystem::path>& output_folders, std::function<void()> seen)
    : seen_(std::move(seen)) {
  for (const auto& folder : output_folders)
    folders_.push_back({wsi::printable(folder.string()), RunWatcher(folder)});
}

std::shared_ptr<const LiveRuns::Moment> LiveRuns::now() {
  const auto latest = [&](Clock::duration age) -> std::shared_ptr<const Moment> {
    std::scoped_lock lock(mutex_);
    return latest_ && Clock::now() - looked_ < age ? latest_ : nullptr;
  };
  if (auto moment = latest(std::chrono::seconds(1))) return moment;
  // Who finds another looking takes what is known: a slow disk holds up one thread at most.
  std::unique_lock looking(looking_, std::try_to_lock);
  if (!looking) return latest(std::chrono::seconds(10));
  Moment moment = look();
  std::scoped_lock lock(mutex_);
  if (latest_) {
    moment.number = latest_->number;
    if (moment != *latest_) ++moment.number;
  }
  latest_ = std::make_shared<const Moment>(std::move(moment));
  looked_ = Clock::now();
  return latest_;
}

LiveRuns::Moment LiveRuns::look() {
  Moment moment;
  for (auto& [name, watcher] : folders_) try {
      json seen = json::parse(watcher.read());
      if (seen["running"] != 0) moment.over = false;
      for (json& group : seen["groups"]) shorten(group);
      moment.folders.push_back({{"folder", name}, {"groups", std::move(seen["groups"])}});
    } catch (const std::exception& problem) {
      moment.folders.push_back({{"folder", name}, {"problem", wsi::printable(problem.what())}});
    }
  try {
    seen_();  // afterwards: what has ended has all its slides
  } catch (const std::exception& problem) {
    moment.folders.push_back({{"folder", ""}, {"problem", wsi::printable(problem.what())}});
  }
  return moment;
}

}  // namespace flowrun::view
