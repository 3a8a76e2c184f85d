// SPDX-License-Identifier: Apache-2.0
// What a Trainer does when an epoch has ended.
#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <utility>

#include "task_kind.h"
#include "trainer.h"

namespace flowrun::torch_nodes {

void Trainer::check_finite() const {
  for (const auto& [name, tensor] : network_->state())
    if (!not_finite_.contains(name) && !tensor.isfinite().all().item<bool>())
      throw Error(fmt::format(
          "{} is not finite after epoch {}: lower learning_rate, set clip_norm, or use batches of "
          "more than one sample",
          name, next_epoch() + 1));
}

bool Trainer::last_is_best() const {
  const std::size_t last = history_.rows().size() - 1;
  return history_.best(metric_name(options_)).value_or(last) == last;
}

bool Trainer::is_over() const {
  return options_.patience && history_.stagnates(metric_name(options_), *options_.patience);
}

std::string Trainer::why_missing(const std::string& metric) const {
  return task_->why_missing(metric, scored(), "sample");
}

void Trainer::note_missing_metric(const History::Row& row) {
  const std::string metric = metric_name(options_);
  if (scored().empty()) {
    if (options_.patience && !std::exchange(no_metric_, true))
      notes_.push_back("there is nothing to validate with, so patience has no effect");
    return;
  }
  if (!row.at(metric).is_null() || std::exchange(no_metric_, true)) return;
  notes_.push_back(fmt::format("epoch {} has no {}, so it cannot be the best: {}", next_epoch() + 1, metric,
                               why_missing(metric)));
}

void Trainer::note_once(bool& told, std::string text) {
  if (!std::exchange(told, true)) note(std::move(text));
}

void Trainer::end_epoch() {
  end_training();
  reads_.read_all();
  gather_epoch();
  if (average_) check_finite();  // the average, which validation saw
  shown_.reset();
  if (sums_.samples == 0) throw Error(why_no_samples());
  check_finite();
  const auto steps = static_cast<std::uint64_t>(optimizer_->steps());
  History::Row row{{"epoch", next_epoch()},
                   {"steps", steps},
                   {"learning_rate", learning_rate(options_, course_, steps > 0 ? steps - 1 : 0)},
                   {"train_loss", sums_.loss / sums_.weight},
                   {task_->training_metric(), sums_.metric / static_cast<double>(sums_.samples)},
                   {"loss", nullptr}};
  if (!scored().empty()) row["loss"] = validation_loss_sum_ / static_cast<double>(scored().size());
  const History::Row judged = judge();
  task_->add_metrics(scored(), "", row);
  add_metrics(row);
  for (const auto& [name, value] : judged.items()) row[name] = value;
  note_missing_metric(row);
  history_.add(std::move(row));
  if (skipped_ > 0)
    notes_.push_back(
        fmt::format("epoch {}: {} steps were left out, as their gradients were not finite in fp16; the loss "
                    "is scaled by {} "
                    "now",
                    next_epoch(), std::exchange(skipped_, 0), scale_.factor));
  sums_ = {};
  validation_loss_sum_ = 0;
  batches_ = 0;
  training_ended_ = false;
  judged_ = std::exchange(scored_, {}).samples;
  judged_tests_ = std::exchange(tested_, {}).samples;
}

}  // namespace flowrun::torch_nodes
