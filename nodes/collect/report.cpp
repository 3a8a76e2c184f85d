// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "nodes/table/slide_list.h"

namespace flowrun::wsi::collect {
namespace {

using nlohmann::ordered_json;

std::string lines(const char* what, const std::vector<Went>& all, const char* to) {
  std::string out;
  for (const Went& went : all)
    out += fmt::format("{}: {} {} {}\n", what, printable(went.from), to, printable(went.to));
  return out;
}

ordered_json json_of(const std::vector<Went>& all, const char* to) {
  ordered_json out = ordered_json::array();
  for (const Went& went : all) out.push_back({{"from", printable(went.from)}, {to, printable(went.to)}});
  return out;
}

ordered_json json_of(const std::vector<Remark>& all, const char* text) {
  ordered_json out = ordered_json::array();
  for (const Remark& one : all) out.push_back({{"path", printable(one.path)}, {text, printable(one.text)}});
  return out;
}

ordered_json json_of(const std::vector<std::string>& all) {
  ordered_json out = ordered_json::array();
  for (const std::string& path : all) out.push_back(printable(path));
  return out;
}

}  // namespace

std::string report_text(const CollectResult& result, Tense tense) {
  std::string out;
  if (tense.pretended) {
    out += lines("slide", result.slides, "->");
    out += lines("logs", result.logs, "->");
    for (const std::string& path : result.deleted) out += fmt::format("delete: {}\n", printable(path));
    for (const std::string& path : result.removed_folders)
      out += fmt::format("{}: {}\n", tense.undone ? "make folder" : "remove folder", printable(path));
  } else if (!tense.undone) {
    out += lines("named apart", result.renamed, "->");
  }
  out += lines("duplicate", result.duplicates, tense.undone ? "->" : "=");
  for (const Remark& one : result.left)
    if (!one.text.empty()) out += fmt::format("left alone: {}: {}\n", printable(one.path), one.text);
  if (tense.undone) {
    out += fmt::format(
        "{}: {} slides, {} logs, {} duplicates, {} folders; {} deleted cannot come back, {} failures\n",
        tense.pretended ? "would be put back" : "put back", result.slides.size(), result.logs.size(),
        result.duplicates.size(), result.removed_folders.size(), result.beyond_return,
        result.failures.size());
    return out;
  }
  out += fmt::format(
      "{}{} slides moved, {} logs moved, {} named apart, {} duplicates removed, {} empty folders removed, "
      "{} left alone, {} deleted, {} failures",
      tense.pretended ? "would be: " : "", result.slides.size(), result.logs.size(), result.renamed.size(),
      result.duplicates.size(), result.removed_folders.size(), result.left.size(), result.deleted.size(),
      result.failures.size());
  if (result.done_before > 0) out += fmt::format("; {} done before", result.done_before);
  return out + "\n";
}

std::string report_failures(const CollectResult& result) {
  constexpr std::size_t most = 20;
  std::string out;
  for (std::size_t i = 0; i < std::min(result.failures.size(), most); ++i)
    out += fmt::format("error: {}: {}\n", printable(result.failures[i].path), result.failures[i].text);
  if (result.failures.size() > most)
    out += fmt::format("and {} more (--json lists all)\n", result.failures.size() - most);
  return out;
}

std::string report_json(const CollectResult& result, Tense tense, int exit_code) {
  const ordered_json out{{"exit", exit_code},
                         {"undo", tense.undone},
                         {"dry_run", tense.pretended},
                         {"interrupted", result.interrupted},
                         {"done_before", result.done_before},
                         {"slides", json_of(result.slides, "to")},
                         {"logs", json_of(result.logs, "to")},
                         {"renamed_apart", json_of(result.renamed, "to")},
                         {"duplicates", json_of(result.duplicates, tense.undone ? "to" : "same_as")},
                         {"deleted", json_of(result.deleted)},
                         {"deleted_for_good", result.beyond_return},
                         {"folders", json_of(result.removed_folders)},
                         {"left_alone", json_of(result.left, "reason")},
                         {"failures", json_of(result.failures, "message")}};
  return out.dump(2);
}

}  // namespace flowrun::wsi::collect
