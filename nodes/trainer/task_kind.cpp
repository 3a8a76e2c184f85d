// SPDX-License-Identifier: Apache-2.0
#include "task_kind.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace flowrun::torch_nodes {
namespace {

const TaskKind& kind_of(const TrainingOptions& options) {
  return *std::ranges::find(task_kinds(), options.task, &TaskKind::name);
}

void check_class_weights(const std::vector<std::string>& class_weights) {
  if (class_weights.empty() || class_weights == std::vector<std::string>{"auto"}) return;
  double sum = 0;
  for (const std::string& text : class_weights) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0 || !std::isfinite(number))
      throw OptionError("class_weights", fmt::format("'{}' is no weight", text),
                        "auto, or a number of at least 0 for each class");
    sum += number;
  }
  if (sum == 0)
    throw OptionError("class_weights", "all are 0, so nothing would be learnt",
                      "a number above 0 for one class at least");
}

/// What is chosen for probabilities that come from softmax or sigmoids.
void check_probabilities(const TrainingOptions& options) {
  if (options.task == "classification" || options.task == "multilabel") return;
  const std::string found =
      fmt::format("task: {} has no probabilities from softmax or sigmoids", options.task);
  if (options.calibrate)
    throw OptionError("calibrate", found, "false, or task: classification or multilabel");
  if (options.threshold != "none")
    throw OptionError("threshold", found, "none, or task: classification or multilabel");
}

}  // namespace

const std::vector<TaskKind>& task_kinds() {
  static const std::vector<TaskKind> kinds{
      {"classification",
       {"cross_entropy", "focal"},
       {"loss", "accuracy", "auc", "sensitivity", "specificity", "precision", "recall", "f1",
        "slide_accuracy", "slide_auc"},
       "auc"},
      {"multilabel",
       {"bce"},
       {"loss", "accuracy", "auc", "average_precision", "slide_accuracy", "slide_auc",
        "slide_average_precision"},
       "auc"},
      {"regression",
       {"mse", "huber"},
       {"loss", "mae", "rmse", "r2", "pearson", "slide_mae", "slide_rmse", "slide_r2", "slide_pearson"},
       "loss"},
      {"ordinal", {"corn"}, {"loss", "accuracy", "mae", "kappa"}, "kappa", true},
      {"survival", {"nll", "cox"}, {"loss", "c_index"}, "c_index", true},
  };
  return kinds;
}

void check_task(const TrainingOptions& options) {
  const TaskKind& kind = kind_of(options);
  const auto check = [&](const char* option, const std::string& given,
                         const std::vector<std::string>& allowed) {
    if (std::ranges::find(allowed, given) == allowed.end())
      throw OptionError(option, fmt::format("'{}' is none of task: {}", given, kind.name),
                        fmt::format("one of {}", fmt::join(allowed, ", ")));
  };
  check("loss", loss_name(options), kind.losses);
  check("metric", metric_name(options), kind.metrics);
  check_probabilities(options);
  if (kind.name == "classification") return check_class_weights(options.class_weights);
  if (!options.class_weights.empty())
    throw OptionError("class_weights", fmt::format("task: {} has no classes", kind.name),
                      "no class_weights, or task: classification");
  if (options.label_smoothing > 0)
    throw OptionError("label_smoothing", fmt::format("task: {} has no classes", kind.name),
                      "0, or task: classification");
}

std::string loss_name(const TrainingOptions& options) {
  return options.loss.value_or(kind_of(options).losses.front());
}

std::string metric_name(const TrainingOptions& options) {
  return options.metric.value_or(kind_of(options).metric);
}

}  // namespace flowrun::torch_nodes
