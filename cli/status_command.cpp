// SPDX-License-Identifier: Apache-2.0
#include "status_command.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "output/files.h"
#include "output/lock_owner.h"
#include "output/part.h"
#include "progress.h"
#include "report/html.h"
#include "report/run_record.h"
#include "say.h"

namespace flowrun::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t most_shown = 5;  // slides in work, failures
/// A run tells its status every two seconds; of another machine's process nothing else can be seen.
constexpr std::chrono::seconds patience{6};

/// What one run told last.
struct Told {
  json status;
  bool dead = false;  ///< it did not come to say how it ended

  bool runs() const {
    const std::string state = status.at("state");
    return !dead && (state == "running" || state == "stopping");
  }
  std::uint64_t beats() const { return status.at("beats"); }
  /// Nothing: its machine is another one.
  std::optional<bool> lives() const {
    const auto owner = LockOwner::from_text(status.at("owner"));
    return owner ? owner->lives() : false;
  }
};

RunStatus status_of(const json& told) {
  RunStatus status;
  status.seconds = told.at("seconds");
  status.scope_kind = told.at("scope_kind");
  status.scopes_ended = told.at("scopes_ended");
  status.scopes_passed_over = told.at("scopes_done_before");
  if (told.contains("scopes_expected"))
    status.scopes_expected = told.at("scopes_expected").get<std::uint64_t>();
  status.packet_name = told.at("packet_name");
  status.packets = told.at("packets");
  status.leased = told.at("leased_bytes");
  status.memory = told.at("memory_bytes");
  return status;
}

std::string whose(const json& told) {
  std::string out = told.contains("part") ? "part " + told.at("part").get<std::string>() : "run";
  out += fmt::format(" of {} on {}, process {}", told.at("name").get<std::string>(),
                     told.at("host").get<std::string>(), told.at("process").get<std::int64_t>());
  if (const std::string job = told.at("job"); !job.empty()) out += ", job " + job;
  return out;
}

std::string text_of(const Told& told, bool drawn) {
  const json& status = told.status;
  std::string out =
      fmt::format("{}: {}\n  {}\n", whose(status),
                  told.dead ? "it is gone without a word; the same command goes on with what is not done"
                            : status.at("state").get<std::string>(),
                  progress_text(status_of(status), drawn));
  auto in_work = status.at("scopes_in_work").get<std::vector<std::string>>();
  if (told.runs() && !in_work.empty()) {
    in_work.resize(std::min(in_work.size(), most_shown));
    const std::size_t more = status.at("scopes_in_work_count").get<std::size_t>() - in_work.size();
    out += fmt::format("  in work: {}{}\n", fmt::join(in_work, ", "),
                       more > 0 ? fmt::format(" and {} more", more) : "");
  }
  const json& failures = status.at("failures");
  const std::uint64_t count = status.at("failure_count");
  for (std::size_t i = failures.size() - std::min(failures.size(), most_shown); i < failures.size(); ++i)
    out += "  " + failure_text(failures[i].at("scope"), failures[i].at("node"), failures[i].at("message"));
  if (count > most_shown) out += fmt::format("  {} failures in all\n", count);
  return out;
}

/// By room, the run of all first. Throws Error.
std::map<std::string, Told> read_all(const fs::path& output_folder) {
  std::map<std::string, Told> all;
  const fs::path reports = output_folder / ".flowrun";
  std::vector<fs::path> rooms{""};
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(reports / "parts", none))
    rooms.push_back(fs::path("parts") / entry.path().filename());
  for (const fs::path& room : rooms) {
    const fs::path file = reports / room / "status.json";
    const auto text = read_text(file);
    if (!text) continue;
    try {
      Told told{json::parse(*text)};
      told.dead = told.runs() && told.lives() == false;
      all.emplace(room.string(), std::move(told));
      text_of(all.at(room.string()), false);  // asks for all of it
    } catch (const json::exception& problem) {
      throw Error(fmt::format("{}: it is not as a run writes it: {}", file.string(), in_words(problem)));
    }
  }
  if (all.empty())
    throw Error(fmt::format("{}: no run told its status there: give the output folder of a run",
                            output_folder.string()));
  return all;
}

/// The same once it is known of the runs of other machines whether they still tell something.
std::map<std::string, Told> read_surely(const fs::path& output_folder) {
  const auto before = read_all(output_folder);
  const auto is_elsewhere = [](const auto& of) { return of.second.runs() && !of.second.lives(); };
  if (std::none_of(before.begin(), before.end(), is_elsewhere)) return before;
  std::this_thread::sleep_for(patience);
  auto now = read_all(output_folder);
  for (auto& [room, told] : now)
    if (const auto old = before.find(room); is_elsewhere(std::pair(room, told)) && old != before.end())
      told.dead = told.beats() == old->second.beats();
  return now;
}

std::string text_of(const std::map<std::string, Told>& all, bool drawn) {
  std::string out;
  std::uint64_t running = 0, gone = 0, ended = 0, failures = 0;
  double speed = 0;
  std::string kind;
  for (const auto& [room, told] : all) {
    out += text_of(told, drawn);
    if (room.empty()) continue;
    running += told.runs();
    gone += told.dead;
    ended += told.status.at("scopes_ended").get<std::uint64_t>();
    failures += told.status.at("failure_count").get<std::uint64_t>();
    if (told.runs()) speed += told.status.at("packets_per_second").get<double>();
    kind = told.status.at("scope_kind");
  }
  const std::uint64_t parts = all.size() - all.count("");
  if (parts > 1)
    out +=
        fmt::format("{} parts: {} running, {} gone, {} ended; {} {} ended, {} failures, {:.1f} packets/s\n",
                    parts, running, gone, parts - running - gone, ended, plural(kind), failures, speed);
  return out;
}

int failed(const std::exception& problem) {
  say("error: {}\n", problem.what());
  return 1;
}

}  // namespace

int show_status(const fs::path& output_folder, bool as_json) {
  try {
    const auto all = read_surely(output_folder);
    if (as_json) {
      json out = json::array();
      for (const auto& [room, told] : all) {
        out.push_back(told.status);
        if (told.dead) out.back()["state"] = "gone";
      }
      print("{}\n", out.dump(2, ' ', false, json::error_handler_t::replace));
    } else {
      print_text(text_of(all, false));
    }
  } catch (const std::exception& problem) {
    return failed(problem);
  }
  return all_printed() ? 0 : 1;
}

int follow_status(const fs::path& output_folder) {
  const bool drawn = ::isatty(STDOUT_FILENO) == 1;
  const std::chrono::seconds pause(drawn ? 1 : 10);
  try {
    auto all = read_surely(output_folder);
    std::map<std::string, std::pair<std::uint64_t, int>> stands;  // beats, and how often they were the same
    const int patient = static_cast<int>(patience / pause) + 1;
    while (true) {
      for (auto& [room, told] : all) {
        auto& [beats, times] = stands[room];
        if (told.dead) times = patient;  // as it was found at first
        times = std::exchange(beats, told.beats()) == told.beats() ? times + 1 : 0;
        if (told.runs() && !told.lives()) told.dead = times > patient;
      }
      print("{}{}", drawn ? "\x1b[H\x1b[J" : "", text_of(all, drawn));
      if (!all_printed()) return 1;
      if (std::none_of(all.begin(), all.end(), [](const auto& of) { return of.second.runs(); })) return 0;
      std::this_thread::sleep_for(pause);
      all = read_all(output_folder);
    }
  } catch (const std::exception& problem) {
    return failed(problem);
  }
}

}  // namespace flowrun::cli
