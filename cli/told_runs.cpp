// SPDX-License-Identifier: Apache-2.0
#include "told_runs.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "output/files.h"
#include "output/lock_owner.h"
#include "output/part.h"
#include "progress.h"
#include "report/html.h"
#include "report/run_record.h"

namespace flowrun::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr std::size_t most_shown = 5;  // slides in work, failures

std::string whose(const json& told) {
  std::string out = told.contains("part") ? "part " + told.at("part").get<std::string>() : "run";
  out += fmt::format(" of {} on {}, process {}", told.at("name").get<std::string>(),
                     told.at("host").get<std::string>(), told.at("process").get<std::int64_t>());
  if (const std::string job = told.at("job"); !job.empty()) out += ", job " + job;
  return out;
}

std::string text_of(const ToldRun& told, bool drawn) {
  const json& status = told.status;
  std::string out =
      fmt::format("{}: {}\n  {}\n", whose(status),
                  told.dead ? "it is gone without a word; the same command goes on with what is not done"
                            : status.at("state").get<std::string>(),
                  progress_text(told.progress(), drawn));
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

/// Throws Error.
ToldRuns read_all(const fs::path& output_folder) {
  ToldRuns all;
  const fs::path reports = output_folder / ".flowrun";
  std::vector<Room> rooms{""};
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(reports / "parts", none))
    rooms.push_back(Room("parts") / entry.path().filename());
  for (const Room& room : rooms) {
    const fs::path file = reports / room / "status.json";
    const auto part = part_in(room);
    const auto text = read_text(file);
    if (!text || part.has_value() == room.empty()) continue;
    try {
      ToldRun told{json::parse(*text)};
      told.dead = told.runs() && told.lives() == false;
      (void)text_of(told, false);  // which asks for all of it
      all.emplace(part ? std::pair(part->count, part->number) : std::pair(0, 0), std::move(told));
    } catch (const json::exception& problem) {
      throw Error(fmt::format("{}: it is not as a run writes it: {}", file.string(), in_words(problem)));
    }
  }
  return all;
}

}  // namespace

bool ToldRun::runs() const {
  const std::string state = status.at("state");
  return !dead && (state == "running" || state == "stopping");
}

std::optional<bool> ToldRun::lives() const {
  const auto owner = LockOwner::from_text(status.at("owner"));
  return owner ? owner->lives() : false;
}

RunStatus ToldRun::progress() const {
  RunStatus out;
  out.seconds = status.at("seconds");
  out.scope_kind = status.at("scope_kind");
  out.scopes_ended = status.at("scopes_ended");
  out.scopes_passed_over = status.at("scopes_done_before");
  if (status.contains("scopes_expected"))
    out.scopes_expected = status.at("scopes_expected").get<std::uint64_t>();
  out.packet_name = status.at("packet_name");
  out.packets = status.at("packets");
  out.leased = status.at("leased_bytes");
  out.memory = status.at("memory_bytes");
  return out;
}

ToldRuns ToldRunsReader::read() {
  ToldRuns all = read_all(folder_);
  unsure_ = false;
  for (auto& [which, told] : all) {
    if (!told.runs() || told.lives()) continue;
    const auto now = Clock::now();
    const std::uint64_t beats = told.status.at("beats");
    Seen& seen = seen_.try_emplace(which, Seen{beats, now}).first->second;
    if (seen.beats != beats) seen = {beats, now};
    told.dead = now - seen.changed >= patience;
    unsure_ |= now == seen.changed;
  }
  return all;
}

std::string total_of_parts(const ToldRuns& all, int count) {
  std::uint64_t parts = 0, running = 0, gone = 0, ended = 0, failures = 0;
  double speed = 0;
  std::string kind;
  for (const auto& [which, told] : all) {
    if (which.first != count) continue;
    ++parts;
    running += told.runs();
    gone += told.dead;
    ended += told.status.at("scopes_ended").get<std::uint64_t>();
    failures += told.status.at("failure_count").get<std::uint64_t>();
    if (told.runs()) speed += told.status.at("packets_per_second").get<double>();
    kind = told.status.at("scope_kind");
  }
  return fmt::format(
      "{} of {} parts: {} running, {} gone, {} ended; {} {} ended, {} failures, {:.1f} packets/s", parts,
      count, running, gone, parts - running - gone, ended, plural(kind), failures, speed);
}

std::string text_of(const ToldRuns& all, bool drawn) {
  std::string out;
  for (auto run = all.begin(); run != all.end();) {
    const int count = run->first.first;
    for (; run != all.end() && run->first.first == count; ++run) out += text_of(run->second, drawn);
    if (count > 0) out += total_of_parts(all, count) + "\n";
  }
  return out;
}

}  // namespace flowrun::cli
