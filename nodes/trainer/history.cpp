// SPDX-License-Identifier: Apache-2.0
#include "history.h"

namespace flowrun::torch_nodes {

namespace {

bool lowest_is_best(const std::string& metric) {
  return metric == "loss" || metric.ends_with("mae") || metric.ends_with("rmse");
}

}  // namespace

nlohmann::ordered_json or_null(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

std::vector<std::string> History::columns() const {
  std::vector<std::string> names;
  if (!rows_.empty())
    for (const auto& [name, value] : rows_.front().items()) names.push_back(name);
  return names;
}

std::optional<std::size_t> History::best(const std::string& metric) const {
  std::optional<std::size_t> best;
  const bool lowest = lowest_is_best(metric);
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

}  // namespace flowrun::torch_nodes
