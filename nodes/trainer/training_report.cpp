// SPDX-License-Identifier: Apache-2.0
#include "training_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "calibration.h"
#include "judged_files.h"
#include "ranking.h"

namespace flowrun::torch_nodes {
namespace {

using Curve = report::Chart::Curve;

constexpr std::size_t most_points = 100, most_curves = 10, most_classes = 20, most_histories = 10;

/// Evenly, with the first and the last point.
Curve thinned(Curve curve) {
  const std::size_t count = curve.x.size();
  if (count <= most_points) return curve;
  Curve out{std::move(curve.name), {}, {}};
  for (std::size_t i = 0; i < most_points; ++i) {
    const std::size_t at = i * (count - 1) / (most_points - 1);
    out.x.push_back(curve.x[at]);
    out.y.push_back(curve.y[at]);
  }
  return out;
}

Curve curve_of(const History& history, const char* column, std::string name) {
  Curve out{std::move(name), {}, {}};
  for (const History::Row& row : history.rows()) {
    out.x.push_back(static_cast<double>(out.x.size() + 1));
    out.y.push_back(row.at(column).is_number() ? row[column].get<double>()
                                               : std::numeric_limits<double>::quiet_NaN());
  }
  return thinned(std::move(out));
}

void report_column(const std::string& title, const std::vector<std::pair<const char*, const char*>>& columns,
                   const NamedHistories& histories, Outputs& out) {
  report::Chart chart{title, "epoch", columns.front().first, {}};
  for (std::size_t i = 0; i < std::min(histories.size(), most_histories); ++i) {
    const auto& [name, history] = histories[i];
    const auto has = history->columns();
    for (const auto& [column, meaning] : columns)
      if (std::ranges::find(has, column) != has.end())
        chart.curves.push_back(
            curve_of(*history, column, name.empty() ? meaning : fmt::format("{}: {}", name, meaning)));
  }
  if (!chart.curves.empty()) out.report(std::move(chart));
}

void report_confusion(const std::string& of, const Task& task, const std::vector<Scored>& samples,
                      Outputs& out) {
  const CountTable counts = confusion_of(task, samples);
  report::Table table{of + "confusion (rows: what is right)", {"label"}, {}};
  table.columns.insert(table.columns.end(), counts.columns.begin(), counts.columns.end());
  for (std::size_t row = 0; row < counts.rows.size(); ++row) {
    std::vector<std::string> cells{counts.rows[row]};
    for (const std::uint64_t count : counts.counts[row]) cells.push_back(std::to_string(count));
    table.rows.push_back(std::move(cells));
  }
  out.report(std::move(table));
}

}  // namespace

void report_curves(const std::string& of, const NamedHistories& histories, Outputs& out) {
  report_column(of + "loss", {{"loss", "validation"}, {"train_loss", "training"}}, histories, out);
  for (const char* metric : {"auc", "accuracy", "f1", "average_precision", "mae", "rmse"})
    report_column(of + metric, {{metric, metric}}, histories, out);
}

void report_judged(const std::string& of, const Task& task, const std::vector<Scored>& samples,
                   Outputs& out) {
  if (samples.empty() || (task.name() != "classification" && task.name() != "multilabel")) return;
  if (task.outputs().size() <= most_classes) report_confusion(of, task, samples, out);
  if (task.outputs().size() > most_curves) return;
  report::Chart roc{of + "ROC", "false positive rate", "true positive rate", {}, true};
  for (const NamedScores& one : rankings_of(task, samples)) {
    Curve curve;
    for (const RocPoint& point : roc_points(one.scores)) {
      curve.x.push_back(point.false_positives);
      curve.y.push_back(point.true_positives);
    }
    const auto area = roc_of(one.scores);
    curve.name = area ? fmt::format("{}: AUC {:.3f}", one.name, area->area) : one.name + ": no curve";
    roc.curves.push_back(thinned(std::move(curve)));
  }
  out.report(std::move(roc));
  report::Chart calibration{of + "calibration", "mean confidence", "share that is right", {}, true};
  for (const NamedScores& one : confidences_of(task, samples)) {
    const CalibrationBins bins = calibration_bins(one.scores);
    Curve curve;
    for (const CalibrationBin& bin : bins)
      if (bin.samples > 0) {
        curve.x.push_back(bin.confidence);
        curve.y.push_back(bin.right);
      }
    curve.name = fmt::format("{}{}ECE {:.3f}", one.name, one.name.empty() ? "" : ": ",
                             expected_calibration_error(bins).value_or(0));
    calibration.curves.push_back(std::move(curve));
  }
  out.report(std::move(calibration));
}

}  // namespace flowrun::torch_nodes
