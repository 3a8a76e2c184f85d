// SPDX-License-Identifier: Apache-2.0
#include "sections.h"

#include <flowrun/bytes.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "cards.h"
#include "drawing.h"
#include "html.h"
#include "run/run.h"

namespace flowrun::cli {
namespace {

using nlohmann::json;

std::string section(const char* id, const char* title, const std::string& content) {
  return content.empty() ? ""
                         : fmt::format("<section id=\"{}\"><h2>{}</h2>\n{}</section>\n", id, title, content);
}

std::vector<double> column_of(const json& series, const char* name, double per = 1) {
  std::vector<double> out;
  for (const json& value : series.at(name)) out.push_back(value.get<double>() / per);
  if (out.size() != series.at("seconds").size())
    throw Error(
        fmt::format("the series has {} seconds and {} {}", series.at("seconds").size(), out.size(), name));
  return out;
}

/// Packets a second, over about sixty stretches of the run.
Curve rate_of(const json& series) {
  const auto seconds = column_of(series, "seconds"), packets = column_of(series, "packets");
  Curve out{plural(series.at("packet_name")) + " a second", {}, {}};
  for (std::size_t from = 0, to = 0; ++to < seconds.size();) {
    const double length = seconds[to] - seconds[from];
    if (length <= 0 || length < seconds.back() / 60) continue;
    out.x.push_back((seconds[from] + seconds[to]) / 2);
    out.y.push_back((packets[to] - packets[from]) / length);
    from = to;
  }
  return out;
}

std::string dropped_of(const json& summary) {
  std::vector<std::string> parts;
  for (const json& node : summary.at("nodes")) {
    const auto dropped = node.at("dropped").get<std::uint64_t>();
    if (dropped == 0) continue;
    std::vector<std::string> reasons;
    for (const auto& [reason, count] : node.at("reasons").items())
      reasons.push_back(fmt::format("{} as {}", in_groups(count.get<std::uint64_t>()), reason));
    parts.push_back(fmt::format("{} dropped {}{}", node.at("name").get<std::string>(), in_groups(dropped),
                                reasons.empty() ? "" : fmt::format(" ({})", fmt::join(reasons, ", "))));
  }
  return fmt::format("{}", fmt::join(parts, "; "));
}

const char* advice_for(int exit) {
  switch (static_cast<Exit>(exit)) {
    case Exit::interrupted:
      return "The run was interrupted. What is whole is kept: run the same command again to go on.";
    case Exit::done_with_skips:
      return "Something was left out: packets by on_error: skip, or files that cannot be used. Mend it and "
             "run the "
             "same command again: only what is not done is made.";
    case Exit::failed:
      return "What is done is kept. Mend what the messages name and run the same command again: only what is "
             "not "
             "done is made.";
    default:
      return "";
  }
}

}  // namespace

std::string verdict_of(const RunRecord& record) {
  const json& summary = record.summary();
  const json& series = record.series();
  const std::string kind = series.at("scope_kind"), packet = series.at("packet_name");
  const double seconds = summary.at("seconds");
  const int exit = summary.at("exit");
  std::string text = exit == 0                                         ? "All is done"
                     : exit == static_cast<int>(Exit::interrupted)     ? "Interrupted"
                     : exit == static_cast<int>(Exit::done_with_skips) ? "Done, with something left out"
                                                                       : "Something failed";
  std::vector<std::string> scopes;
  std::uint64_t all = 0;
  for (const auto& [status, count] : summary.at("scope_counts").items()) {
    all += count.get<std::uint64_t>();
    scopes.push_back(fmt::format("{} {}", in_groups(count.get<std::uint64_t>()), status));
  }
  const std::string scope = kind.empty() ? "scope" : kind;
  if (all > 0)
    text += fmt::format(": of {} {} {}", in_groups(all), all == 1 ? scope : plural(scope),
                        fmt::join(scopes, ", "));
  text += fmt::format(". {} {} in {}", in_groups(series.at("packets").back().get<std::uint64_t>()),
                      plural(packet), in_time(seconds));
  if (seconds > 0)
    text += fmt::format(" ({} a second)", in_digits(series.at("packets").back().get<double>() / seconds));
  if (const std::string dropped = dropped_of(summary); !dropped.empty()) text += "; " + dropped;
  text += fmt::format(". Memory in flight was at most {} of {}, the process {}.",
                      format_bytes(summary.at("peak_leased_bytes")), format_bytes(summary.at("memory_bytes")),
                      format_bytes(summary.at("peak_rss_bytes")));
  if (std::string slowest = summary.at("bottleneck"); !slowest.empty()) {
    slowest.front() = 'B';
    text += " " + slowest + ".";
  }
  const char* const mood = exit == 0 ? "" : exit == static_cast<int>(Exit::failed) ? " bad" : " mixed";
  return fmt::format("<p class=\"verdict{}\">{}</p>\n", mood, escaped(text));
}

std::string problems_of(const RunRecord& record, const Findings& findings) {
  const json& summary = record.summary();
  std::string out;
  const auto count = summary.at("failure_count").get<std::uint64_t>();
  if (const std::string advice = advice_for(summary.at("exit")); !advice.empty())
    out += "<p>" + advice + "</p>\n";
  json rows = json::array();
  for (const json& failure : summary.at("failures"))
    rows.push_back({failure.at("scope"), failure.at("node"), failure.at("message"), failure.at("effect")});
  if (!rows.empty())
    out += table_of(
        count > rows.size() ? fmt::format("Failures: the first {} of {}", rows.size(), count) : "Failures",
        {"where", "node", "what went wrong", "effect"}, rows);
  json notes = json::array();
  for (const auto& [key, times] : findings.notes)
    notes.push_back({key.first, key.second, std::to_string(times)});
  if (!notes.empty()) out += table_of("Notes", {"node", "worth knowing", "times"}, notes);
  return section("problems", "Failures and notes", out);
}

std::string nodes_of(const RunRecord& record) {
  const json& summary = record.summary();
  const double seconds = summary.at("seconds");
  json rows = json::array();
  for (const json& node : summary.at("nodes")) {
    json row{node.at("name"), node.at("type")};
    for (const char* name : {"in", "out", "dropped", "failed"})
      row.push_back(std::to_string(node.at(name).get<std::uint64_t>()));
    for (const char* name : {"working_seconds", "waiting_for_memory_seconds", "waiting_for_order_seconds"})
      row.push_back(fmt::format("{:.2f}", node.at(name).get<double>()));
    rows.push_back(row);
  }
  return section("graph", "Where the time went",
                 fmt::format("<p>{} with {} threads took {}. The bar at the foot of a node is its share of "
                             "all threads' time.</p>\n"
                             "<div class=\"scroll\">{}</div>\n",
                             escaped(summary.at("name").get<std::string>()), summary.at("threads").get<int>(),
                             in_time(seconds), draw_graph_of(summary)) +
                     table_of("Nodes: packets, and seconds summed over them",
                              {"node", "type", "in", "out", "dropped", "failed", "working (s)",
                               "waiting for memory (s)", "waiting for order (s)"},
                              rows));
}

std::string times_of(const RunRecord& record) {
  const json& series = record.series();
  constexpr double per = MiB;
  const auto seconds = column_of(series, "seconds");
  const double cap = record.summary().at("memory_bytes").get<double>() / per;
  LineChart memory{"Memory over time", "seconds", "MiB", {}};
  memory.from_zero = true;
  memory.curves = {{"in flight (leased)", seconds, column_of(series, "leased_bytes", per)},
                   {"process (RSS)", seconds, column_of(series, "rss_bytes", per)},
                   {"cap of what is in flight", {seconds.front(), seconds.back()}, {cap, cap}}};
  const Curve rate = rate_of(series);
  LineChart packets{"Speed over time", "seconds", rate.name, {rate}};
  packets.from_zero = true;
  return section(
      "time", "Over time",
      fmt::format("<div class=\"plots\"><div><h3>Memory</h3>{}</div><div><h3>Speed</h3>{}</div></div>\n",
                  draw(memory), draw(packets)));
}

namespace {

/// Twenty bins from the least to the greatest.
std::string bars_of(const Column& column, const std::string& kind) {
  constexpr std::size_t bins = 20;
  std::vector<double> values;
  for (const double value : column.values)
    if (std::isfinite(value)) values.push_back(value);
  if (values.size() < 5) return "";
  const auto [least, most] = std::ranges::minmax(values);
  if (least == most) return "";
  Bars bars{column.name, column.title(), {}, std::vector<double>(bins)};
  const double width = (most - least) / bins;
  for (std::size_t i = 0; i <= bins; ++i) bars.edges.push_back(least + width * static_cast<double>(i));
  for (const double value : values)
    ++bars.counts[std::min(bins - 1, static_cast<std::size_t>((value - least) / width))];
  return fmt::format("<div><h3>{}: {} by {}</h3>{}</div>\n", escaped(column.name), plural(kind),
                     escaped(column.node), draw(bars));
}

/// A quantity of successive scopes, in their order.
std::string curve_of(const Column& column, const std::string& kind) {
  Curve curve{column.node, {}, column.values};
  for (std::size_t i = 0; i < column.values.size(); ++i) curve.x.push_back(static_cast<double>(i + 1));
  return fmt::format("<div><h3>{}</h3>{}</div>\n", escaped(column.name),
                     draw(LineChart{column.name, kind, column.title(), {curve}}));
}

}  // namespace

std::string distributions_of(const Findings& findings) {
  std::string out;
  for (const MergedHistogram& each : findings.histograms)
    out +=
        fmt::format("<div><h3>{}: packets of {}</h3>{}</div>\n", escaped(each.name), escaped(each.node),
                    draw(Bars{each.name, each.unit.empty() ? each.name : each.name + " (" + each.unit + ")",
                              each.edges, each.counts}));
  for (const Kind& kind : findings.kinds)
    for (const Column& column : kind.columns)
      out += kind.successive ? curve_of(column, kind.name) : bars_of(column, kind.name);
  return section("distributions", "Distributions",
                 out.empty() ? "" : "<div class=\"plots\">" + out + "</div>\n");
}

std::string results_of(const RunRecord& record, const Findings& findings) {
  constexpr int side = 640;
  std::string out, plots;
  json numbers = json::array();
  for (const auto& [node, item] : findings.results) {
    if (item.contains("quantity"))
      numbers.push_back({node, item["quantity"],
                         item.at("value").is_number() ? in_digits(item["value"]) : "–", item.at("unit")});
    else
      plots +=
          fmt::format("<div><h3>{}</h3>{}</div>\n", escaped(node), shown(item, record.folder(), side, node));
  }
  if (!numbers.empty()) out += table_of("Numbers", {"node", "what", "value", "unit"}, numbers);
  if (!plots.empty()) out += "<div class=\"plots\">" + plots + "</div>\n";
  return section("results", "Results", out);
}

}  // namespace flowrun::cli
