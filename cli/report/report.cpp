// SPDX-License-Identifier: Apache-2.0
#include "report.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

#include "findings.h"
#include "html.h"
#include "pages.h"
#include "sections.h"

namespace flowrun::cli {
namespace {

using nlohmann::json;

/// So that the pictures of a page fit into it.
int picture_side(const Findings& findings) {
  constexpr double bytes_a_pixel = 0.5, most = 320, least = 96;  // in base64; of dense tissue
  double pictures = 1;
  for (const Kind& kind : findings.kinds)
    if (!kind.successive)
      pictures +=
          static_cast<double>(std::min<std::uint64_t>(kind.done, Pages::most_cards) * kind.figures.size());
  return static_cast<int>(std::clamp(
      std::sqrt(static_cast<double>(Pages::most_bytes) * 0.8 / pictures / bytes_a_pixel), least, most));
}

std::string navigation_of(const std::string& content, const Findings& findings) {
  std::string out;
  constexpr std::array<std::pair<const char*, const char*>, 5> sections{{{"problems", "Failures and notes"},
                                                                         {"results", "Results"},
                                                                         {"graph", "Where the time went"},
                                                                         {"time", "Over time"},
                                                                         {"distributions", "Distributions"}}};
  for (const auto& [id, title] : sections)
    if (content.find(fmt::format("<section id=\"{}\">", id)) != content.npos)
      out += fmt::format("<li><a href=\"#{}\">{}</a></li>", id, title);
  for (const Kind& kind : findings.kinds)
    if (!kind.successive || findings.lost.contains(kind.name))
      out += fmt::format("<li><a href=\"#{0}\">{0}</a></li>", escaped(plural(kind.name)));
  return "<nav aria-label=\"Contents\"><ul>" + out + "</ul></nav>\n";
}

void write_pages(const RunRecord& record, const std::filesystem::path& file) {
  const Findings findings(record);
  const json& summary = record.summary();
  const std::string content = problems_of(record, findings) + results_of(record, findings) +
                              nodes_of(record) + times_of(record) + distributions_of(findings);
  std::string folders;
  for (const json& folder : summary.at("output_folders"))
    folders += (folders.empty() ? "" : ", ") + folder.get<std::string>();
  const std::string about = fmt::format("<p>Ended {}. Outputs: {}.</p>\n",
                                        escaped(summary.at("ended").get<std::string>()), escaped(folders));
  Pages pages(file, "Run of " + escaped(summary.at("name").get<std::string>()),
              verdict_of(record) + about + navigation_of(content, findings) + content);
  const int side = picture_side(findings);
  std::map<std::string, std::size_t> lost, done;
  record.for_each_lost([&](const json& line) {
    const Kind& kind = findings.kind(line.at("kind"));
    pages.add(kind, lost_card_of(line, kind, lost[kind.name]++, summary));
  });
  record.for_each_done([&](const json& entry) {
    const std::string name = kind_of_entry(entry);
    if (name == "run" || findings.kind(name).successive) return;
    pages.add(findings.kind(name), card_of(entry, findings.kind(name), done[name]++, record.folder(), side));
  });
  pages.end();
}

}  // namespace

void write_report(const std::filesystem::path& output_folder, const std::filesystem::path& file) {
  const RunRecord record(output_folder);
  try {
    write_pages(record, file);
  } catch (const json::exception& problem) {
    throw Error(
        fmt::format("{}: summary.json or series.json is not as a run writes it: {}; run the graph again",
                    (output_folder / ".flowrun").string(), in_words(problem)));
  }
}

}  // namespace flowrun::cli
