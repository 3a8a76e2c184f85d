// SPDX-License-Identifier: Apache-2.0
#include "run_record.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <tuple>
#include <utility>

#include "output/files.h"
#include "output/journal.h"

namespace flowrun::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Throws Error.
json parsed(const fs::path& file, const std::string& text) {
  json out = json::parse(text, nullptr, false);
  if (!out.is_object())
    throw Error(fmt::format("{}: is damaged: it is no JSON object; run the graph again, which writes it anew",
                            file.string()));
  return out;
}

json read(const fs::path& file) {
  const auto text = read_text(file);
  if (!text)
    throw Error(fmt::format("there is no {}: give the output folder of a run that has ended", file.string()));
  return parsed(file, *text);
}

void look(const fs::path& file, const json& content, const RunRecord::See& see) {
  const auto refuse = [&](std::string_view why) {
    throw Error(fmt::format("{}: is not as a run writes it: {}; run the graph again", file.string(), why));
  };
  try {
    see(content);
  } catch (const json::exception& problem) {
    refuse(in_words(problem));
  } catch (const std::invalid_argument& problem) {
    refuse(problem.what());
  }
}

}  // namespace

std::string in_words(const json::exception& problem) {
  const std::string what =
      problem.what();  // "[json.exception.type_error.302] type must be string, but is null"
  return what.substr(what.find("] ") + 2);
}

RunRecord::RunRecord(fs::path folder)
    : folder_(std::move(folder)),
      summary_(read(folder_ / ".flowrun/summary.json")),
      series_(read(folder_ / ".flowrun/series.json")) {
  struct Found {
    std::string order, name;
  };
  std::vector<Found> found;
  const fs::path done = folder_ / ".flowrun/done";
  for (const std::string& name : fs::is_directory(done) ? names_in(done) : std::vector<std::string>()) {
    if (!name.ends_with(".json")) continue;
    look(done / name, read(done / name), [&](const json& entry) {
      found.push_back({entry.value("successive", false) ? publication_of(entry) : "", name});
    });
  }
  std::ranges::sort(found, {}, [](const Found& each) { return std::tie(each.order, each.name); });
  for (const Found& each : found) entries_.push_back(done / each.name);
}

void RunRecord::for_each_done(const See& see) const {
  for (const fs::path& file : entries_) look(file, read(file), see);
}

void RunRecord::for_each_lost(const See& see) const {
  const fs::path file = folder_ / ".flowrun/scopes.jsonl";
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    look(file, parsed(file, line), [&](const json& scope) {
      const std::string status = scope.at("status");
      if (status != "done" && status != "done before") see(scope);
    });
}

}  // namespace flowrun::cli
