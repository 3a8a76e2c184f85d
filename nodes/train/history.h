// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "metrics.h"

namespace flowrun::torch_nodes {

/// What is known of an epoch when it has ended.
struct EpochRecord {
  std::uint64_t epoch = 0;
  std::uint64_t steps = 0;  ///< of the optimizer, since the beginning
  double learning_rate = 0;
  double train_loss = 0, train_accuracy = 0;
  std::optional<double> loss;     ///< of validation
  std::optional<Metrics> tiles;   ///< of validation
  std::optional<Metrics> slides;  ///< of validation, averaged by slide
};

/// The epochs so far, as numbers by name; what is missing is null. The names are columns of metrics.csv and
/// tags of TensorBoard.
class History {
 public:
  /// An epoch, all its numbers by name, in the order of columns.
  using Row = nlohmann::ordered_json;

  void add(const EpochRecord& record);
  const std::vector<Row>& rows() const { return rows_; }
  /// The names of numbers, and of the confusion matrix, in order.
  static const std::vector<std::string>& columns();

  /// The index of the row with the best `metric` ("auc": highest, "loss": lowest), the first of several;
  /// nothing when no row has it.
  std::optional<std::size_t> best(const std::string& metric) const;
  /// Whether the best row is at least `patience` rows before the last.
  bool stagnates(const std::string& metric, int patience) const;

  std::string to_text() const;
  static History from_text(const std::string& text);

 private:
  std::vector<Row> rows_;
};

/// Why an epoch that was validated has no such metric: for users, in one line. Empty when it has.
std::string why_missing(const EpochRecord& record, const std::string& metric,
                        const std::vector<std::string>& classes);

/// The metrics of validation that best() knows.
const std::vector<std::string>& metric_names();

}  // namespace flowrun::torch_nodes
