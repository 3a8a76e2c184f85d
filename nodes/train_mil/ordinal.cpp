// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nodes/mil/slide_outputs.h"
#include "slide_tasks.h"

namespace flowrun::torch_nodes {
namespace {

class Ordinal final : public Task {
 public:
  using Task::Task;
  std::string name() const override { return "ordinal"; }
  std::string outputs_are() const override { return "classes"; }

  /// The mean over samples of the mean cross entropy of those questions that are asked of each: whether it is
  /// beyond class k, when it is not below k.
  at::Tensor loss(const at::Tensor& numbers, const at::Tensor& labels) const override {
    const at::Tensor logits = numbers.to(at::kFloat);
    const at::Tensor classes = at::arange(logits.size(1), labels.options()).unsqueeze(0);
    const at::Tensor label = labels.unsqueeze(1);
    const at::Tensor asked = label.ge(classes).to(at::kFloat);
    const at::Tensor each = at::binary_cross_entropy_with_logits(logits, label.gt(classes).to(at::kFloat), {},
                                                                 {}, at::Reduction::None);
    return ((each * asked).sum(1) / asked.sum(1)).mean();
  }
  at::Tensor validation_loss(const at::Tensor& numbers, const at::Tensor& labels) const override {
    return loss(numbers, labels);
  }
  at::Tensor predictions(const at::Tensor& numbers) const override {
    return slide_predictions(name(), numbers);
  }

  std::string training_metric() const override { return "train_accuracy"; }
  at::Tensor training_sum(const at::Tensor& numbers, const at::Tensor& labels) const override {
    const at::Tensor said = at::sigmoid(numbers.to(at::kFloat)).cumprod(1).gt(0.5).sum(1);
    return said.eq(labels).sum();
  }
  void add_metrics(const std::vector<Scored>& samples, const std::string& prefix,
                   History::Row& row) const override {
    std::vector<std::size_t> right, said;
    double same = 0, apart = 0;
    for (const Scored& sample : samples) {
      right.push_back(static_cast<std::size_t>(sample.target.front()));
      said.push_back(class_of(name(), sample.predicted));
      same += right.back() == said.back();
      apart += std::abs(static_cast<double>(right.back()) - static_cast<double>(said.back()));
    }
    const auto count = static_cast<double>(samples.size());
    row[prefix + "accuracy"] = or_null(count > 0 ? std::optional(same / count) : std::nullopt);
    row[prefix + "mae"] = or_null(count > 0 ? std::optional(apart / count) : std::nullopt);
    row[prefix + "kappa"] = or_null(weighted_kappa(right, said, outputs().size()));
  }
  std::string why_missing(const std::string&, const std::vector<Scored>&,
                          const std::string& kind) const override {
    return fmt::format("each {} of validation is of one class, and said to be", kind);
  }
};

}  // namespace

std::optional<double> weighted_kappa(const std::vector<std::size_t>& right,
                                     const std::vector<std::size_t>& said, std::size_t classes) {
  std::vector<double> of_right(classes), of_said(classes);
  const auto apart = [](std::size_t a, std::size_t b) {
    const double distance = static_cast<double>(a) - static_cast<double>(b);
    return distance * distance;
  };
  double observed = 0, by_chance = 0;
  for (std::size_t i = 0; i < right.size(); ++i) {
    ++of_right[right[i]], ++of_said[said[i]];
    observed += apart(right[i], said[i]);
  }
  for (std::size_t a = 0; a < classes; ++a)
    for (std::size_t b = 0; b < classes; ++b) by_chance += of_right[a] * of_said[b] * apart(a, b);
  if (by_chance == 0) return {};
  return 1 - observed * static_cast<double>(right.size()) / by_chance;
}

std::unique_ptr<Task> make_ordinal(std::vector<std::string> classes) {
  if (classes.size() < 2) throw Error("an order needs two classes or more");
  return std::make_unique<Ordinal>(std::move(classes));
}

}  // namespace flowrun::torch_nodes
