// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <fmt/format.h>

#include "nodes/mil/slide_outputs.h"
#include "slide_tasks.h"

namespace flowrun::torch_nodes {
namespace {

class Cox final : public Task {
 public:
  Cox() : Task({"risk"}) {}
  std::string name() const override { return "survival"; }
  std::string outputs_are() const override { return "risks"; }
  bool is_joint() const override { return true; }

  /// Of each event's slide the logarithm of its share of the hazard of all that were at risk then: those
  /// whose time is not before it, ties included (Breslow 1974). Of samples among whom nobody had the event 0.
  at::Tensor loss(const at::Tensor& numbers, const at::Tensor& targets) const override {
    const at::Tensor risk = numbers.to(at::kFloat).select(1, 0);
    const at::Tensor earlier = -targets.select(1, 0).contiguous(), event = targets.select(1, 1).gt(0);
    const auto [times, order] = earlier.sort();  // the latest first
    const at::Tensor hazard = at::logcumsumexp(risk.index_select(0, order), 0);
    const at::Tensor last = at::searchsorted(times, earlier, false, /*right=*/true) - 1;
    const at::Tensor each = hazard.index_select(0, last) - risk;
    return (each * event.to(at::kFloat)).sum() / event.sum().clamp_min(1);
  }
  double weight(const at::Tensor& targets) const override {
    return static_cast<double>(targets.select(1, 1).gt(0).sum().item<std::int64_t>());
  }
  at::Tensor validation_loss(const at::Tensor& numbers, const at::Tensor& targets) const override {
    return loss(numbers, targets);
  }
  at::Tensor predictions(const at::Tensor& numbers) const override {
    return slide_predictions(name(), numbers);
  }

  std::string training_metric() const override { return "train_risk"; }
  at::Tensor training_sum(const at::Tensor& numbers, const at::Tensor&) const override {
    return predictions(numbers).sum();
  }
  void add_metrics(const std::vector<Scored>& samples, const std::string& prefix,
                   History::Row& row) const override {
    row[prefix + "c_index"] = or_null(concordance(samples));
  }
  std::string why_missing(const std::string& metric, const std::vector<Scored>&,
                          const std::string& kind) const override {
    if (metric == "loss") return fmt::format("no {} of validation had the event", kind);
    return fmt::format("of no two {}s of validation is it known which had the event first", kind);
  }
};

}  // namespace

std::unique_ptr<Task> make_cox() {
  return std::make_unique<Cox>();
}

}  // namespace flowrun::torch_nodes
