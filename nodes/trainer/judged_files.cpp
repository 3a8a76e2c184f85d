// SPDX-License-Identifier: Apache-2.0
#include "judged_files.h"

#include "calibration.h"
#include "metrics.h"
#include "nodes/base/out_file.h"
#include "nodes/table/table_text.h"
#include "nodes/torch/predictions.h"

namespace flowrun::torch_nodes {
namespace {

bool of_labels(const Task& task) {
  return task.name() == "multilabel";
}

using wsi::TableCell;
using wsi::TableText;

}  // namespace

CountTable confusion_of(const Task& task, const std::vector<Scored>& samples) {
  CountTable out{task.outputs(), task.outputs(), {}};
  if (!of_labels(task)) {
    out.counts = metrics_of(samples, task.outputs().size()).confusion;
    return out;
  }
  out.columns = {"true_positive", "false_negative", "false_positive", "true_negative"};
  out.counts.assign(out.rows.size(), std::vector<std::uint64_t>(out.columns.size()));
  for (const Scored& sample : samples)
    for (std::size_t label = 0; label < out.rows.size(); ++label) {
      const bool said = has_label(sample.predicted[label], values_of(sample.thresholds), label);
      ++out.counts[label][sample.target[label] > 0 ? (said ? 0 : 1) : (said ? 2 : 3)];
    }
  return out;
}

std::vector<NamedScores> rankings_of(const Task& task, const std::vector<Scored>& samples) {
  std::vector<NamedScores> out;
  const std::size_t count = task.outputs().size();
  for (std::size_t i = count == 2 && !of_labels(task) ? 1 : 0; i < count; ++i)
    out.push_back({task.outputs()[i], of_labels(task) ? label_scores(samples, i) : class_scores(samples, i)});
  return out;
}

std::vector<NamedScores> confidences_of(const Task& task, const std::vector<Scored>& samples) {
  if (!of_labels(task)) return {{"", class_confidences(samples)}};
  return rankings_of(task, samples);
}

std::string roc_csv(const Task& task, const std::vector<Scored>& samples) {
  const TableText table(TableText::Format::csv, {of_labels(task) ? "label" : "class", "threshold",
                                                 "false_positive_rate", "true_positive_rate"});
  std::string text = table.header();
  for (const NamedScores& one : rankings_of(task, samples))
    for (const RocPoint& point : roc_points(one.scores))
      text += table.row({one.name, point.threshold, point.false_positives, point.true_positives});
  return text;
}

std::string confusion_csv(const Task& task, const std::vector<Scored>& samples) {
  const CountTable of = confusion_of(task, samples);
  std::vector<std::string> columns{"label"};
  columns.insert(columns.end(), of.columns.begin(), of.columns.end());
  const TableText table(TableText::Format::csv, columns);
  std::string text = table.header();
  for (std::size_t row = 0; row < of.rows.size(); ++row) {
    std::vector<TableCell> cells{of.rows[row]};
    for (const std::uint64_t count : of.counts[row]) cells.emplace_back(count);
    text += table.row(cells);
  }
  return text;
}

std::string calibration_csv(const Task& task, const std::vector<Scored>& samples) {
  std::vector<std::string> columns{"from", "to", "samples", "confidence", "accuracy"};
  if (of_labels(task)) columns.insert(columns.begin(), "label");
  const TableText table(TableText::Format::csv, columns);
  std::string text = table.header();
  for (const NamedScores& one : confidences_of(task, samples)) {
    const CalibrationBins bins = calibration_bins(one.scores);
    for (std::size_t i = 0; i < bins.size(); ++i) {
      const auto count = static_cast<double>(bins.size());
      std::vector<TableCell> cells;
      if (of_labels(task)) cells.emplace_back(one.name);
      cells.emplace_back(static_cast<double>(i) / count);
      cells.emplace_back(static_cast<double>(i + 1) / count);
      cells.emplace_back(bins[i].samples);
      const auto or_nothing = [&](double value) {
        return bins[i].samples ? std::optional(value) : std::nullopt;
      };
      cells.emplace_back(or_nothing(bins[i].confidence));
      cells.emplace_back(or_nothing(bins[i].right));
      text += table.row(cells);
    }
  }
  return text;
}

void hand_on_judged(const Task& task, const std::vector<Scored>& samples, const Scope& scope,
                    const std::filesystem::path& dir, const std::filesystem::path& folder) {
  if (samples.empty() || (task.name() != "classification" && !of_labels(task))) return;
  const auto hand_on = [&](const std::string& name) { return scope.hand_on(dir, folder / name); };
  wsi::write_file(hand_on("roc.csv"), roc_csv(task, samples));
  wsi::write_file(hand_on("confusion.csv"), confusion_csv(task, samples));
  wsi::write_file(hand_on("calibration.csv"), calibration_csv(task, samples));
#ifdef FLOWRUN_PLPLOT
  for (const std::string type : {".png", ".svg"}) {
    draw_roc(task, samples, hand_on("roc" + type));
    draw_confusion(task, samples, hand_on("confusion" + type));
    draw_calibration(task, samples, hand_on("calibration" + type));
  }
#endif
}

}  // namespace flowrun::torch_nodes
