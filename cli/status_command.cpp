// SPDX-License-Identifier: Apache-2.0
#include "status_command.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "say.h"
#include "told_runs.h"

namespace flowrun::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Throws Error when no run told anything there.
ToldRuns read_some(ToldRunsReader& reader, const fs::path& output_folder) {
  ToldRuns all = reader.read();
  if (all.empty())
    throw Error(fmt::format("{}: no run told its status there: give the output folder of a run",
                            output_folder.string()));
  return all;
}

int failed(const std::exception& problem) {
  say("error: {}\n", problem.what());
  return 1;
}

}  // namespace

int show_status(const fs::path& output_folder, bool as_json) {
  try {
    ToldRunsReader reader(output_folder);
    ToldRuns all = read_some(reader, output_folder);
    if (reader.is_unsure()) {
      std::this_thread::sleep_for(ToldRunsReader::patience);
      all = read_some(reader, output_folder);
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
    ToldRunsReader reader(output_folder);
    while (true) {
      const ToldRuns all = read_some(reader, output_folder);
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
