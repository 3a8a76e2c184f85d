// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace flowrun::torch_nodes {

/// The epochs so far, as numbers by name; what is missing is null. The names are columns of metrics.csv and
/// tags of TensorBoard.
class History {
 public:
  /// An epoch, all its numbers by name, in the order of columns.
  using Row = nlohmann::ordered_json;

  void add(Row row) { rows_.push_back(std::move(row)); }
  const std::vector<Row>& rows() const { return rows_; }
  /// The names of numbers, and of the confusion matrix, in order; none before the first epoch.
  std::vector<std::string> columns() const;

  /// The index of the row with the best `metric` ("auc": highest; of losses and errors: lowest), the first of
  /// several; nothing when no row has it.
  std::optional<std::size_t> best(const std::string& metric) const;
  /// Whether the best row is at least `patience` rows before the last.
  bool stagnates(const std::string& metric, int patience) const;

  std::string to_text() const;
  static History from_text(const std::string& text);

 private:
  std::vector<Row> rows_;
};

/// A number, or null.
nlohmann::ordered_json or_null(const std::optional<double>& value);

}  // namespace flowrun::torch_nodes
