// SPDX-License-Identifier: Apache-2.0
// Trainer::save and Trainer::resume: what a training is, as one file.
#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nodes/torch/model_file.h"
#include "nodes/torch/pickle_file.h"
#include "nodes/torch/state_dict.h"
#include "task_kind.h"
#include "trainer.h"

namespace flowrun::torch_nodes {
namespace {

/// What decides how training goes on; `more` of what is trained.
std::string settings(const TrainingOptions& o, const std::string& more) {
  std::string all =
      fmt::format("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", loss_name(o),
                  fmt::join(o.class_weights, ","), o.label_smoothing, o.focal_gamma, o.optimizer,
                  o.learning_rate, o.weight_decay, o.momentum, o.schedule, o.warmup_epochs, o.step_epochs,
                  o.step_factor, o.clip_norm.value_or(0), o.accumulate, o.precision, more);
  if (loss_name(o) == "huber") all += fmt::format(" {}", o.huber_delta);
  if (o.decay != "all") all += fmt::format(" decay {}", o.decay);
  if (o.ema) all += fmt::format(" ema {}", *o.ema);
  if (o.calibrate) all += " calibrate";
  if (o.threshold != "none") all += " threshold " + o.threshold;
  return all;
}

}  // namespace

void Trainer::save(const std::filesystem::path& file) const {
  std::optional<WeightAverage::InPlace> average;  // is what the file calls the model
  if (average_) average.emplace(*average_);
  c10::impl::GenericDict all(c10::StringType::get(), c10::AnyType::get());
  all.insert("format", checkpoint_format);
  all.insert("model", to_dict(network_->state()));
  if (average_) all.insert("trained", to_dict(average_->aside()));
  add_facts(facts_, all);
  if (network_->code().defined()) all.insert("code", network_->code());
  all.insert("settings", settings(options_, more_settings()));
  all.insert("optimizer", to_dict(optimizer_->state()));
  all.insert("steps", optimizer_->steps());
  all.insert("scale", scale_.factor);
  all.insert("finite_steps", scale_.finite_steps);
  save_more(all);
  all.insert("random", to_dict(network_->random_state()));
  all.insert("history", history_.to_text());
  write_pickle(file, all);
}

void Trainer::resume(const std::filesystem::path& file) {
  const auto wrong = [&](const std::string& what) -> Error {
    return Error(
        fmt::format("{} is not a checkpoint that this training can go on from: {}; move it away, or run "
                    "with --force to train anew",
                    file.string(), what));
  };
  const Checkpoint checkpoint = read_checkpoint(file);
  if (checkpoint.facts.task != facts_.task)
    throw wrong(fmt::format("its task is {}, not {}", checkpoint.facts.task, facts_.task));
  if (checkpoint.facts.classes != facts_.classes)
    throw wrong(fmt::format("its {} are {}, not {}", task_->outputs_are(),
                            fmt::join(checkpoint.facts.classes, ", "), fmt::join(facts_.classes, ", ")));
  if (checkpoint.facts.architecture != facts_.architecture)
    throw wrong(fmt::format("its model is {}, not {}", checkpoint.facts.architecture, facts_.architecture));
  if (network_->code().defined() && !checkpoint.entry("code").toTensor().equal(network_->code()))
    throw wrong("its TorchScript module is another");
  if (checkpoint.entry("settings").toStringRef() != settings(options_, more_settings()))
    throw wrong("it was trained with other options");
  try {
    resume_more(checkpoint);
    {
      std::optional<WeightAverage::InPlace> average;
      if (average_) average.emplace(*average_);
      if (load_weights(*network_, to_map(checkpoint.entry("model")), file.string()) != Head::loaded)
        throw Error("it has no last layer");
      if (average_) average_->restore_aside(to_map(checkpoint.entry("trained")));
    }
    optimizer_->restore(to_map(checkpoint.entry("optimizer")), checkpoint.entry("steps").toInt());
    scale_ = {checkpoint.entry("scale").toDouble(), checkpoint.entry("finite_steps").toInt()};
    network_->restore_random(to_map(checkpoint.entry("random")));
    history_ = History::from_text(checkpoint.entry("history").toStringRef());
  } catch (const Error& problem) {
    throw wrong(problem.what());
  } catch (const std::exception&) {
    throw wrong("it is damaged");
  }
}

}  // namespace flowrun::torch_nodes
