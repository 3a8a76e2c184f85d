// SPDX-License-Identifier: Apache-2.0
#include "history.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace flowrun::torch_nodes {
namespace {

nlohmann::ordered_json or_null(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

/// Rows by label, "12 3 | 1 20".
nlohmann::ordered_json confusion_text(const std::optional<Metrics>& metrics) {
  if (!metrics) return {};
  std::vector<std::string> rows;
  for (const auto& row : metrics->confusion) rows.push_back(fmt::format("{}", fmt::join(row, " ")));
  return fmt::format("{}", fmt::join(rows, " | "));
}

struct Named {
  const char* name;
  std::optional<double> (*of)(const Metrics&);
};
constexpr Named named[] = {
    {"accuracy", [](const Metrics& m) { return std::optional(m.accuracy); }},
    {"auc", [](const Metrics& m) { return m.auc; }},
    {"sensitivity", [](const Metrics& m) { return m.sensitivity; }},
    {"specificity", [](const Metrics& m) { return m.specificity; }},
    {"precision", [](const Metrics& m) { return m.precision; }},
    {"recall", [](const Metrics& m) { return m.recall; }},
    {"f1", [](const Metrics& m) { return m.f1; }},
    {"threshold", [](const Metrics& m) { return m.threshold; }},
};

}  // namespace

void History::add(const EpochRecord& record) {
  Row row{{"epoch", record.epoch},
          {"steps", record.steps},
          {"learning_rate", record.learning_rate},
          {"train_loss", record.train_loss},
          {"train_accuracy", record.train_accuracy},
          {"loss", or_null(record.loss)}};
  for (const auto& [prefix, metrics] : {std::pair{"", &record.tiles}, std::pair{"slide_", &record.slides}}) {
    for (const Named& metric : named)
      row[prefix + std::string(metric.name)] = or_null(*metrics ? metric.of(**metrics) : std::nullopt);
    row[prefix + std::string("confusion")] = confusion_text(*metrics);
  }
  rows_.push_back(std::move(row));
}

const std::vector<std::string>& History::columns() {
  static const std::vector<std::string> names = [] {
    History one;
    one.add({});
    std::vector<std::string> out;
    for (const auto& [name, value] : one.rows_.front().items()) out.push_back(name);
    return out;
  }();
  return names;
}

std::optional<std::size_t> History::best(const std::string& metric) const {
  std::optional<std::size_t> best;
  const bool lowest = metric == "loss";
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (!rows_[i].at(metric).is_number()) continue;
    const double value = rows_[i][metric];
    const double before = best ? rows_[*best][metric].get<double>() : 0;
    if (!best || (lowest ? value < before : value > before)) best = i;
  }
  return best;
}

bool History::stagnates(const std::string& metric, int patience) const {
  const auto at = best(metric);
  return at && rows_.size() - 1 - *at >= static_cast<std::size_t>(patience);
}

std::string History::to_text() const {
  return nlohmann::ordered_json(rows_).dump();
}

History History::from_text(const std::string& text) {
  History out;
  out.rows_ = nlohmann::ordered_json::parse(text).get<std::vector<Row>>();
  return out;
}

std::string why_missing(const EpochRecord& record, const std::string& metric,
                        const std::vector<std::string>& classes) {
  History one;
  one.add(record);
  if (!record.tiles || !one.rows().front().at(metric).is_null()) return {};
  const bool of_slides = metric.starts_with("slide_");
  if (of_slides && !record.slides)
    return "tiles of one slide have several labels, or their slide is not known";
  const auto& confusion = (of_slides ? record.slides : record.tiles)->confusion;
  std::vector<std::string> absent;
  for (std::size_t i = 0; i < classes.size(); ++i)
    if (std::ranges::all_of(confusion[i], [](auto count) { return count == 0; }))
      absent.push_back(classes[i]);
  if (!absent.empty())
    return fmt::format("validation has no {} of class '{}'", of_slides ? "slide" : "sample",
                       fmt::join(absent, "', '"));
  return "the model takes no sample for one of the classes";
}

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names{"loss",      "accuracy", "auc", "sensitivity",    "specificity",
                                              "precision", "recall",   "f1",  "slide_accuracy", "slide_auc"};
  return names;
}

}  // namespace flowrun::torch_nodes
