// SPDX-License-Identifier: Apache-2.0
#include "run/status_file.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "output/files.h"
#include "output/lock_owner.h"
#include "run/engine.h"
#include "run/series.h"

namespace flowrun {
namespace {

/// Not synced: after a crash of the machine there is nobody whose status it would be.
void replace(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::path next = file;
  next += ".tmp";
  try {
    write_unsynced(next, text);
    rename_or_throw(next, file);
  } catch (const Error&) {
    std::error_code none;
    std::filesystem::remove(next, none);
    throw;
  }
}

std::string state_of(const RunResult& result) {
  switch (result.exit) {
    case Exit::done:
      return "done";
    case Exit::done_with_skips:
      return "done, with something left out";
    case Exit::interrupted:
      return "interrupted";
    default:
      return "failed";
  }
}

}  // namespace

StatusFile::StatusFile(const Engine& engine, const OutputFolders& folders, const RunOptions& options)
    : engine_(engine),
      folders_(folders),
      options_(options),
      thread_([this](std::stop_token stop) { work(stop); }) {}

void StatusFile::work(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  do write(options_.interrupted && *options_.interrupted ? "stopping" : "running");
  while (!wake_.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); }));
}

void StatusFile::end(const RunResult& result) {
  thread_.request_stop();
  thread_.join();
  write(state_of(result));
}

void StatusFile::write(const std::string& state) {
  const std::string text = json(state).dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  for (const OutputFolder& folder : folders_) try {
      replace(folder.reports() / "status.json", text);
    } catch (const Error& problem) {
      if (!told_ && options_.on_report)
        options_.on_report(fmt::format("warning: what the run is doing is not told: {}\n", problem.what()));
      told_ = true;
    }
}

nlohmann::json StatusFile::json(const std::string& state) {
  const RunStatus status = engine_.status();
  const Outcomes outcomes = engine_.outcomes();
  nlohmann::json in_work = nlohmann::json::array();
  for (std::size_t i = 0; i < std::min(status.in_work.size(), most_in_work); ++i)
    in_work.push_back(status.in_work[i].name);
  const LockOwner owner = LockOwner::this_process();
  const double seconds = status.seconds - seconds_before_;
  const auto packets = static_cast<double>(status.packets - std::min(status.packets, packets_before_));
  nlohmann::json scopes = nlohmann::json::object();
  for (const auto& [what, count] : outcomes.scopes) scopes[to_string(what)] = count;
  nlohmann::json out{
      {"state", state},
      {"beats", ++beats_},
      {"name", engine_.name()},
      {"began", in_utc(began_)},
      {"seconds", status.seconds},
      {"host", owner.host},
      {"process", owner.process},
      {"job", owner.job},
      {"owner", owner.to_text()},
      {"scope_kind", status.scope_kind},
      {"scopes", scopes},
      {"scopes_ended", status.scopes_ended},
      {"scopes_done_before", status.scopes_passed_over},
      {"scopes_in_work", in_work},
      {"scopes_in_work_count", status.in_work.size()},
      {"packet_name", status.packet_name},
      {"packets", status.packets},
      {"packets_per_second", seconds > 0 ? packets / seconds : 0},
      {"memory_bytes", status.memory},
      {"leased_bytes", status.leased},
      {"rss_bytes", resident_bytes()},
      {"nodes", nlohmann::json::array()},
      {"failure_count", outcomes.failures},
      {"failures", nlohmann::json::array()},
  };
  for (const NodeResult& node : engine_.nodes()) {
    out["nodes"].push_back(to_json(node));
    out["nodes"].back()["share"] = node.share;
  }
  for (const RunFailure& failure : outcomes.latest) out["failures"].push_back(to_json(failure));
  if (options_.part) out["part"] = to_string(*options_.part);
  if (status.scopes_expected) out["scopes_expected"] = *status.scopes_expected;
  seconds_before_ = status.seconds;
  packets_before_ = status.packets;
  return out;
}

}  // namespace flowrun
