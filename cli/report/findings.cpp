// SPDX-License-Identifier: Apache-2.0
#include "findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "html.h"

namespace flowrun::cli {
namespace {

using nlohmann::json;

constexpr double missing = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t most_notes = 200;

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

std::size_t number_of(const std::vector<double>& values) {
  return static_cast<std::size_t>(
      std::ranges::count_if(values, [](double value) { return std::isfinite(value); }));
}

void describe(Column& column) {
  std::vector<double> values;
  for (const double value : column.values)
    if (std::isfinite(value)) values.push_back(value);
  if (values.empty()) return;
  column.median = median_of(values);
  for (double& value : values) value = std::abs(value - column.median);
  column.spread = median_of(std::move(values));
}

void add_histogram(std::vector<MergedHistogram>& to, const std::string& node, const json& item) {
  MergedHistogram given{node, item.at("histogram"), item.at("unit"), item.at("edges"), item.at("counts")};
  if (given.edges.size() != given.counts.size() + 1 || given.counts.empty())
    throw std::invalid_argument(fmt::format("the histogram '{}' has {} edges for {} counts", given.name,
                                            given.edges.size(), given.counts.size()));
  const auto same = std::ranges::find_if(to, [&](const MergedHistogram& each) {
    return each.node == node && each.name == given.name && each.edges == given.edges;
  });
  if (same == to.end())
    to.push_back(std::move(given));
  else
    std::ranges::transform(same->counts, given.counts, same->counts.begin(), std::plus());
}

/// "tiles" by node, of those that send no packets on.
std::map<std::string, std::string> ends_of(const json& edges) {
  std::map<std::string, std::string> out;
  for (const json& edge : edges)
    if (edge.at("stream").get<bool>()) out.emplace(edge.at("to"), plural(edge.at("input")));
  for (const json& edge : edges) out.erase(edge.at("from"));
  return out;
}

/// The key that says what an item is, and its value, its title.
std::string title_of(const json& item) {
  for (const char* kind : {"quantity", "chart", "table", "figure"})
    if (item.contains(kind)) return fmt::format("{} {}", kind, item[kind].get<std::string>());
  throw std::invalid_argument("something is reported that is no quantity, histogram, chart, table or figure");
}

}  // namespace

bool Column::is_outlier(double value) const {
  constexpr double most = 3.5, of_normal = 0.6745;
  return spread > 0 && std::isfinite(value) && number_of(values) >= 8 &&
         of_normal * std::abs(value - median) / spread > most;
}

std::string kind_of_entry(const json& entry) {
  return entry.value("kind", "run");
}

Findings::Findings(const RunRecord& record) : ends_(ends_of(record.summary().at("edges"))) {
  record.for_each_done([&](const json& entry) { add(entry); });
  record.for_each_lost([&](const json& line) {
    ++lost[line.at("kind")];
    kind_of(line.at("kind"));
    add_notes(line.at("counts"));
  });
  add_notes(record.summary().at("counts"));
  for (Kind& kind : kinds)
    for (Column& column : kind.columns) {
      column.values.resize(kind.done, missing);
      column.shared = std::ranges::count(kind.columns, column.name, &Column::name) > 1;
      describe(column);
    }
}

const Kind& Findings::kind(const std::string& name) const {
  return *std::ranges::find(kinds, name, &Kind::name);
}

Kind& Findings::kind_of(const std::string& name) {
  const auto known = std::ranges::find(kinds, name, &Kind::name);
  return known != kinds.end() ? *known : kinds.emplace_back(Kind{name});
}

void Findings::add(const json& entry) {
  const std::string name = kind_of_entry(entry);
  Kind* const kind = name == "run" ? nullptr : &kind_of(name);
  if (kind) {
    ++kind->done;
    kind->successive = entry.value("successive", false);
    add_notes(entry.at("counts"));
    add_counts(entry.at("counts"), *kind);
  }
  if (const auto reported = entry.find("report"); reported != entry.end())
    for (const auto& [node, items] : reported->items())
      for (const json& item : items) add_item(node, item, kind);
}

void Findings::add_number(Kind& kind, const std::string& node, const std::string& name,
                          const std::string& unit, double value) {
  auto column = std::ranges::find_if(kind.columns, [&](const Column& each) {
    return each.node == node && each.name == name && each.unit == unit;
  });
  if (column == kind.columns.end())
    column = kind.columns.insert(kind.columns.end(), Column{node, name, unit, {}});
  column->values.resize(kind.done, missing);
  column->values.back() = value;
}

/// What ended in the scope, and what was dropped: of every graph, whatever its nodes report.
void Findings::add_counts(const json& counts, Kind& kind) {
  for (const auto& [node, packets] : counts.items()) {
    const double in = packets.at("in"), dropped = packets.at("dropped");
    const auto end = ends_.find(node);
    if (end != ends_.end() && end->second != plural(kind.name))  // that which opened the scope is one
      add_number(kind, node, end->second, "", in);
    if (dropped > 0)
      add_number(kind, node, "dropped", "%", 100 * dropped / in);
  }
}

void Findings::add_item(const std::string& node, const json& item, Kind* kind) {
  if (item.contains("histogram")) return add_histogram(histograms, node, item);
  const std::string title = title_of(item);
  if (kind && item.contains("quantity")) {
    const json& value = item.at("value");
    return add_number(*kind, node, item["quantity"], item.at("unit"),
                      value.is_number() ? value.get<double>() : missing);
  }
  if (kind && !kind->successive) {
    if (!item.contains("figure")) return;
    const std::string figure = item["figure"];
    if (std::ranges::find(kind->figures, figure) == kind->figures.end()) kind->figures.push_back(figure);
    return;
  }
  const auto before = std::ranges::find_if(
      results, [&](const auto& each) { return each.first == node && title_of(each.second) == title; });
  if (before == results.end())
    results.emplace_back(node, item);
  else
    before->second = item;
}

void Findings::add_notes(const json& counts) {
  for (const auto& [node, packets] : counts.items())
    if (const auto said = packets.find("notes"); said != packets.end())
      for (const auto& [text, times] : said->items())
        if (const std::pair key{node, text}; notes.size() < most_notes || notes.contains(key))
          notes[key] += times.get<std::uint64_t>();
}

}  // namespace flowrun::cli
