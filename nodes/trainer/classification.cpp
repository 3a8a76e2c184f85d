// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "loss.h"
#include "metrics.h"
#include "nodes/torch/device.h"
#include "nodes/torch/predictions.h"
#include "task.h"

namespace flowrun::torch_nodes {
namespace {

/// Rows by label, "12 3 | 1 20".
std::string confusion_text(const Metrics& metrics) {
  std::vector<std::string> rows;
  for (const auto& row : metrics.confusion) rows.push_back(fmt::format("{}", fmt::join(row, " ")));
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

class Classification final : public Task {
 public:
  Classification(TrainingOptions options, std::vector<std::string> classes,
                 const std::vector<std::uint64_t>& draws)
      : Task(std::move(classes)), options_(std::move(options)) {
    if (outputs().size() < 2)
      throw Error(fmt::format("there is only one class ({}); a classifier needs two or more",
                              outputs().empty() ? "none at all" : outputs().front()));
    weights_ = class_weights(options_, outputs(), draws);
    if (weights_.defined()) weights_there_ = weights_.to(choose_device(options_.device));
  }

  std::string name() const override { return "classification"; }
  std::string outputs_are() const override { return "classes"; }

  at::Tensor loss(const at::Tensor& logits, const at::Tensor& labels) const override {
    return loss_of(options_, logits, labels, weights_there_);
  }
  double weight(const at::Tensor& labels) const override { return weight_of(labels, weights_); }
  at::Tensor validation_loss(const at::Tensor& logits, const at::Tensor& labels) const override {
    return at::cross_entropy_loss(logits.to(at::kFloat), labels);
  }
  at::Tensor predictions(const at::Tensor& logits) const override { return predictions_of(name(), logits); }

  std::string training_metric() const override { return "train_accuracy"; }
  at::Tensor training_sum(const at::Tensor& logits, const at::Tensor& labels) const override {
    return logits.argmax(1).eq(labels).sum();
  }
  void add_metrics(const std::vector<Scored>& samples, const std::string& prefix,
                   History::Row& row) const override {
    const Metrics metrics = metrics_of(samples, outputs().size());
    for (const Named& metric : named)
      row[prefix + metric.name] = or_null(samples.empty() ? std::nullopt : metric.of(metrics));
    row[prefix + "confusion"] =
        samples.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(confusion_text(metrics));
  }
  std::string why_missing(const std::string&, const std::vector<Scored>& samples,
                          const std::string& kind) const override {
    const Metrics metrics = metrics_of(samples, outputs().size());
    std::vector<std::string> absent;
    for (std::size_t i = 0; i < outputs().size(); ++i)
      if (std::ranges::all_of(metrics.confusion[i], [](auto count) { return count == 0; }))
        absent.push_back(outputs()[i]);
    if (!absent.empty())
      return fmt::format("validation has no {} of class '{}'", kind, fmt::join(absent, "', '"));
    return "the model takes no sample for one of the classes";
  }

 private:
  TrainingOptions options_;
  at::Tensor weights_, weights_there_;  // of classes, on the CPU and on the device; undefined: all 1
};

}  // namespace

std::unique_ptr<Task> make_classification(const TrainingOptions& options, std::vector<std::string> classes,
                                          const std::vector<std::uint64_t>& draws) {
  return std::make_unique<Classification>(options, std::move(classes), draws);
}

}  // namespace flowrun::torch_nodes
