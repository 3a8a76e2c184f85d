// SPDX-License-Identifier: Apache-2.0
// Trainer::model_card.
#include <flowrun/version.h>
#include <torch/version.h>

#include "task_kind.h"
#include "trainer.h"

namespace flowrun::torch_nodes {
namespace {

using nlohmann::ordered_json;

/// Null where nothing is given.
template <class T>
ordered_json given(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

/// Those that decide what is learnt and which epoch is handed on, by their names.
ordered_json options_of(const TrainingOptions& o) {
  return {{"loss", loss_name(o)},
          {"class_weights", o.class_weights},
          {"label_smoothing", o.label_smoothing},
          {"focal_gamma", o.focal_gamma},
          {"huber_delta", o.huber_delta},
          {"optimizer", o.optimizer},
          {"learning_rate", o.learning_rate},
          {"weight_decay", o.weight_decay},
          {"decay", o.decay},
          {"momentum", o.momentum},
          {"schedule", o.schedule},
          {"warmup_epochs", o.warmup_epochs},
          {"step_epochs", o.step_epochs},
          {"step_factor", o.step_factor},
          {"clip_norm", given(o.clip_norm)},
          {"accumulate", o.accumulate},
          {"ema", given(o.ema)},
          {"precision", o.precision},
          {"metric", metric_name(o)},
          {"patience", given(o.patience)},
          {"calibrate", o.calibrate},
          {"threshold", o.threshold},
          {"seed", o.seed}};
}

}  // namespace

std::string Trainer::model_card() const {
  ordered_json options = options_of(options_);
  add_options(options);
  ordered_json card{{"flowrun", FLOWRUN_VERSION},
                    {"libtorch", TORCH_VERSION},
                    {"licence", given(options_.licence)},
                    {"intended_use", given(options_.intended_use)},
                    {"task", facts_.task},
                    {"architecture", facts_.architecture},
                    {task_->outputs_are(), task_->outputs()},
                    {"images", nullptr},
                    {"trained_on", trained_on()},
                    {"epochs", course_.epochs},
                    {"options", std::move(options)},
                    {"metrics", history_.rows().back()},
                    {"temperatures", facts_.temperatures},
                    {"thresholds", facts_.thresholds}};
  if (facts_.width > 0)
    card["images"] = {{"width", facts_.width},
                      {"height", facts_.height},
                      {"mpp", given(facts_.mpp)},
                      {"mean", facts_.mean},
                      {"std", facts_.std}};
  return card.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace flowrun::torch_nodes
