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
using Clock = std::chrono::steady_clock;

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

/// By the count of parts and the part's number, the run of all (0, 0) first.
using Runs = std::map<std::pair<int, int>, Told>;

/// Throws Error.
Runs read_all(const fs::path& output_folder) {
  Runs all;
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
      Told told{json::parse(*text)};
      told.dead = told.runs() && told.lives() == false;
      (void)text_of(told, false);  // which asks for all of it
      all.emplace(part ? std::pair(part->count, part->number) : std::pair(0, 0), std::move(told));
    } catch (const json::exception& problem) {
      throw Error(fmt::format("{}: it is not as a run writes it: {}", file.string(), in_words(problem)));
    }
  }
  if (all.empty())
    throw Error(fmt::format("{}: no run told its status there: give the output folder of a run",
                            output_folder.string()));
  return all;
}

/// Reads runs again and again, and so knows of those of other machines which are dead.
class Reader {
 public:
  explicit Reader(fs::path output_folder) : folder_(std::move(output_folder)) {}

  /// Throws Error.
  Runs read() {
    Runs all = read_all(folder_);
    unsure_ = false;
    for (auto& [which, told] : all) {
      if (!told.runs() || told.lives()) continue;
      const auto now = Clock::now();
      Seen& seen = seen_.try_emplace(which, Seen{told.beats(), now}).first->second;
      if (seen.beats != told.beats()) seen = {told.beats(), now};
      told.dead = now - seen.changed >= patience;
      unsure_ |= now == seen.changed;
    }
    return all;
  }
  /// Of some it is not known yet, having read them once.
  bool is_unsure() const { return unsure_; }

 private:
  struct Seen {
    std::uint64_t beats;
    Clock::time_point changed;
  };
  const fs::path folder_;
  std::map<std::pair<int, int>, Seen> seen_;
  bool unsure_ = false;
};

/// What the parts of one count come to together.
std::string total_of(const Runs& all, int count) {
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
      "{} of {} parts: {} running, {} gone, {} ended; {} {} ended, {} failures, {:.1f} packets/s\n", parts,
      count, running, gone, parts - running - gone, ended, plural(kind), failures, speed);
}

std::string text_of(const Runs& all, bool drawn) {
  std::string out;
  for (auto run = all.begin(); run != all.end();) {
    const int count = run->first.first;
    for (; run != all.end() && run->first.first == count; ++run) out += text_of(run->second, drawn);
    if (count > 0) out += total_of(all, count);
  }
  return out;
}

int failed(const std::exception& problem) {
  say("error: {}\n", problem.what());
  return 1;
}

}  // namespace

int show_status(const fs::path& output_folder, bool as_json) {
  try {
    Reader reader(output_folder);
    Runs all = reader.read();
    if (reader.is_unsure()) {
      std::this_thread::sleep_for(patience);
      all = reader.read();
    }
    if (as_json) {
      json out = json::array();
      for (const auto& [which, told] : all) {
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
  try {
    Reader reader(output_folder);
    while (true) {
      const Runs all = reader.read();
      print("{}{}", drawn ? "\x1b[H\x1b[J" : "", text_of(all, drawn));
      if (!all_printed()) return 1;
      if (std::none_of(all.begin(), all.end(), [](const auto& run) { return run.second.runs(); })) return 0;
      std::this_thread::sleep_for(std::chrono::seconds(drawn ? 1 : 10));
    }
  } catch (const std::exception& problem) {
    return failed(problem);
  }
}

}  // namespace flowrun::cli
