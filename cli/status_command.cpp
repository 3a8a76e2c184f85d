// SPDX-License-Identifier: Apache-2.0
#include "status_command.h"

#include <flowrun/error.h>
#include <flowrun/run_watcher.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "progress.h"
#include "report/html.h"
#include "say.h"
#include "terminal.h"

namespace flowrun::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t most_shown = 5;  // slides in work, failures

bool runs(const json& status) {
  return status["state"] == "running" || status["state"] == "stopping";
}

std::string whose(const json& told) {
  std::string out = told.contains("part") ? "part " + told.at("part").get<std::string>() : "run";
  out += fmt::format(" of {} on {}, process {}", told.at("name").get<std::string>(),
                     told.at("host").get<std::string>(), told.at("process").get<std::int64_t>());
  if (const std::string job = told.at("job"); !job.empty()) out += ", job " + job;
  return out;
}

std::string text_of(const json& status, bool drawn) {
  std::string out = fmt::format(
      "{}: {}\n  {}\n", whose(status),
      status["state"] == "gone" ? "it is gone without a word; the same command goes on with what is not done"
                                : status["state"].get<std::string>(),
      progress_text(status_of(status), drawn));
  auto in_work = status["scopes_in_work"].get<std::vector<std::string>>();
  if (runs(status) && !in_work.empty()) {
    in_work.resize(std::min(in_work.size(), most_shown));
    const std::size_t more = status["scopes_in_work_count"].get<std::size_t>() - in_work.size();
    out += fmt::format("  in work: {}{}\n", fmt::join(in_work, ", "),
                       more > 0 ? fmt::format(" and {} more", more) : "");
  }
  const json& failures = status["failures"];
  const std::uint64_t count = status["failure_count"];
  for (std::size_t i = failures.size() - std::min(failures.size(), most_shown); i < failures.size(); ++i)
    out += "  " + failure_text(failures[i]["scope"], failures[i]["node"], failures[i]["message"]);
  if (count > most_shown) out += fmt::format("  {} failures in all\n", count);
  return out;
}

/// Of parts all together first: of a terminal's lines the first are shown.
std::string text_of_all(const json& seen, bool drawn) {
  std::string out;
  for (const json& group : seen["groups"]) {
    if (group["count"] != 0) out += total_of(group) + "\n";
    for (const json& run : group["runs"]) out += text_of(run, drawn);
  }
  return out;
}

/// What fits on a terminal, drawn from its upper left corner on.
std::string screen_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0, end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back(text.substr(begin, end - begin));
  const std::size_t most =
      std::max<std::size_t>(lines_of_terminal(STDOUT_FILENO), 3) - 1;  // the cursor's is one
  if (const std::size_t all = lines.size(); all > most) {
    lines.resize(most - 1);
    lines.push_back(fmt::format("and {} more, which flowrun status prints", counted(all - most + 1, "line")));
  }
  return "\x1b[H\x1b[J" + unwrapped(lines) + "\n";
}

/// Throws Error.
json read(RunWatcher& watcher, const fs::path& output_folder) {
  json seen = json::parse(watcher.read());
  if (seen["groups"].empty())
    throw Error(fmt::format("{}: no run told its status there: give the output folder of a run",
                            output_folder.string()));
  return seen;
}

int failed(const std::exception& problem) {
  say("error: {}\n", problem.what());
  return 1;
}

}  // namespace

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

std::string total_of(const json& group) {
  const std::string kind = group["scope_kind"];
  return fmt::format("{} of {} parts: {} running, {} gone, {} ended; {} ended, {}, {:.1f} packets/s",
                     group["runs"].size(), group["count"].get<int>(), group["running"].get<std::uint64_t>(),
                     group["gone"].get<std::uint64_t>(), group["ended"].get<std::uint64_t>(),
                     counted(group["scopes_ended"].get<std::uint64_t>(), kind.empty() ? "scope" : kind),
                     counted(group["failure_count"].get<std::uint64_t>(), "failure"),
                     group["packets_per_second"].get<double>());
}

int show_status(const fs::path& output_folder, bool as_json) {
  try {
    RunWatcher watcher(output_folder);
    json seen = read(watcher, output_folder);
    if (seen["unsure"]) {
      std::this_thread::sleep_for(RunWatcher::patience);
      seen = read(watcher, output_folder);
    }
    if (as_json) {
      json out = json::array();
      for (const json& group : seen["groups"])
        out.insert(out.end(), group["runs"].begin(), group["runs"].end());
      print("{}\n", out.dump(2, ' ', false, json::error_handler_t::replace));
    } else {
      print_text(text_of_all(seen, false));
    }
  } catch (const std::exception& problem) {
    return failed(problem);
  }
  return all_printed() ? 0 : 1;
}

int follow_status(const fs::path& output_folder) {
  const bool terminal = can_be_drawn_on(STDOUT_FILENO);
  try {
    RunWatcher watcher(output_folder);
    while (true) {
      const json seen = read(watcher, output_folder);
      const std::string text = text_of_all(seen, terminal);
      print_text(terminal ? screen_of(text) : text);
      if (!all_printed()) return 1;
      if (seen["running"] == 0) return 0;
      std::this_thread::sleep_for(std::chrono::seconds(terminal ? 1 : 10));
    }
  } catch (const std::exception& problem) {
    return failed(problem);
  }
}

}  // namespace flowrun::cli
