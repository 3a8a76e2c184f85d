// SPDX-License-Identifier: Apache-2.0
#include "cards.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>

#include "drawing.h"
#include "html.h"
#include "thumbnail.h"

namespace flowrun::cli {
namespace {

using nlohmann::json;

std::vector<double> numbers(const json& list) {
  std::vector<double> out;
  for (const json& each : list)
    out.push_back(each.is_number() ? each.get<double>() : std::numeric_limits<double>::quiet_NaN());
  return out;
}

std::string chart_of(const json& item) {
  LineChart chart{item.at("chart"), item.at("x"), item.at("y"), {}, item.at("diagonal")};
  for (const json& curve : item.at("curves")) {
    chart.curves.push_back({curve.at("name"), numbers(curve.at("x")), numbers(curve.at("y"))});
    if (chart.curves.back().x.size() != chart.curves.back().y.size())
      throw std::invalid_argument(fmt::format("the chart '{}' has curves of unequal columns", chart.title));
  }
  return draw(chart);
}

std::string figure_of(const json& item, const std::filesystem::path& folder, int side,
                      const std::string& of) {
  const std::string title = item.at("figure");
  std::string picture;
  try {
    const Thumbnail small = thumbnail_of(folder / item.at("path").get<std::string>(), side);
    picture = fmt::format(
        R"(<img src="data:image/jpeg;base64,{}" width="{}" height="{}" alt="{}" decoding="async">)",
        base64(small.jpeg), small.width, small.height, escaped(of + ": " + title));
  } catch (const Error& problem) {
    picture = fmt::format("<p>No picture: {}</p>", escaped(problem.what()));
  }
  return fmt::format(R"(<figure data-title="{0}">{1}<figcaption>{0}</figcaption></figure>)", escaped(title),
                     picture);
}

std::string list_of(const std::string& items) {
  return items.empty() ? "" : fmt::format(R"(<ul class="told">{}</ul>)", items);
}

/// What a node's counts have under a key: texts, and how often each was.
std::map<std::string, std::uint64_t> texts_of(const json& packets, const char* key) {
  const auto found = packets.find(key);
  return found == packets.end() ? std::map<std::string, std::uint64_t>()
                                : found->get<std::map<std::string, std::uint64_t>>();
}

/// Notes, and why packets were dropped, by node.
std::string told_by(const json& counts, bool& notes) {
  std::string out;
  for (const auto& [node, packets] : counts.items()) {
    for (const auto& [text, times] : texts_of(packets, "notes")) {
      notes = true;
      out += fmt::format("<li>{}: {}{}</li>", escaped(node), escaped(text),
                         times > 1 ? fmt::format(" ({} times)", times) : "");
    }
    for (const auto& [reason, count] : texts_of(packets, "reasons"))
      out += fmt::format("<li>{} dropped {} as {}</li>", escaped(node), in_groups(count), escaped(reason));
  }
  return list_of(out);
}

std::string row_of(const std::string& id, const std::string& name, const std::string& status,
                   const Kind& kind, const std::vector<double>& values) {
  std::string out = fmt::format(R"(<tr data-i="{}"><th scope="row">{}</th><td>{}</td>)", id, escaped(name),
                                escaped(status));
  for (std::size_t i = 0; i < kind.columns.size(); ++i)
    out += fmt::format(R"(<td class="n">{}</td>)", in_digits(values[i]));
  return out + "</tr>\n";
}

/// With commas, nothing between them where a value is missing.
std::string joined(const std::vector<double>& values) {
  std::vector<std::string> texts;
  for (const double value : values) texts.push_back(std::isfinite(value) ? fmt::format("{}", value) : "");
  return fmt::format("{}", fmt::join(texts, ","));
}

}  // namespace

std::string table_of(const std::string& caption, const json& columns, const json& rows) {
  std::string out =
      fmt::format(R"(<div class="scroll"><table><caption>{}</caption><thead><tr>)", escaped(caption));
  for (const json& column : columns)
    out += fmt::format(R"(<th scope="col">{}</th>)", escaped(column.get<std::string>()));
  out += "</tr></thead><tbody>";
  for (const json& row : rows) {
    out += "<tr>";
    for (const json& cell : row) out += fmt::format("<td>{}</td>", escaped(cell.get<std::string>()));
    out += "</tr>";
  }
  return out + "</tbody></table></div>\n";
}

std::string shown(const json& item, const std::filesystem::path& folder, int side, const std::string& of) {
  if (item.contains("chart"))
    return fmt::format("<h4>{}</h4>{}", escaped(item.at("chart").get<std::string>()), chart_of(item));
  if (item.contains("table")) return table_of(item.at("table"), item.at("columns"), item.at("rows"));
  if (item.contains("figure")) return figure_of(item, folder, side, of);
  return "";
}

Card card_of(const json& entry, const Kind& kind, std::size_t number, const std::filesystem::path& folder,
             int side) {
  const std::string name = entry.at("scope");
  std::string figures, more, numbers;
  if (const auto reported = entry.find("report"); reported != entry.end())
    for (const auto& [node, items] : reported->items())
      for (const json& item : items)
        (item.contains("figure") ? figures : more) += shown(item, folder, side, name);
  bool outlier = false, notes = false;
  std::vector<double> values;
  for (const Column& column : kind.columns) {
    const double value = column.values[number];
    values.push_back(value);
    if (!std::isfinite(value)) continue;
    const bool far = column.is_outlier(value);
    outlier |= far;
    numbers +=
        fmt::format("<dt>{}</dt><dd>{}{}</dd>", escaped(column.label()),
                    escaped(in_digits(value) + (column.unit.empty() ? "" : " " + column.unit)),
                    far ? fmt::format(R"( <span class="flag">{} (median {})</span>)",
                                      value > column.median ? "▲ high" : "▼ low", in_digits(column.median))
                        : "");
  }
  const std::string told = told_by(entry.at("counts"), notes);
  if (!more.empty()) more = "<details><summary>More</summary>" + more + "</details>";
  return {
      fmt::format(
          R"(<li class="scope{}" data-i="{}" data-name="{}" data-status="done" data-v="{}"{}{}><h3>{}</h3>)"
          R"(<p class="status">done</p>{}<dl>{}</dl>{}{}</li>)"
          "\n",
          outlier ? " outlier" : "", number, escaped(name), joined(values), outlier ? " data-outliers" : "",
          notes ? " data-notes" : "", escaped(name), figures, numbers, told, more),
      row_of(std::to_string(number), name, "done", kind, values)};
}

Card lost_card_of(const json& line, const Kind& kind, std::size_t number, const json& summary) {
  const std::string name = line.at("name"), status = line.at("status"), id = fmt::format("lost{}", number);
  std::string failures;
  for (const json& failure : summary.at("failures"))
    if (failure.at("scope") == name && failure.value("opener", "") == line.value("opener", ""))
      failures += fmt::format("<li>{}: {}</li>", escaped(failure.at("node").get<std::string>()),
                              escaped(failure.at("message").get<std::string>()));
  bool notes = false;
  const std::string told = told_by(line.at("counts"), notes);
  const std::vector<double> values(kind.columns.size(), std::numeric_limits<double>::quiet_NaN());
  return {
      fmt::format(
          R"(<li class="scope lost" data-i="{}" data-name="{}" data-status="{}" data-v="{}" data-failures{}>)"
          R"(<h3>{}</h3><p class="status">{}</p>{}{}</li>)"
          "\n",
          id, escaped(name), escaped(status), joined(values), notes ? " data-notes" : "", escaped(name),
          escaped(status), list_of(failures), told),
      row_of(id, name, status, kind, values)};
}

}  // namespace flowrun::cli
