// SPDX-License-Identifier: Apache-2.0
#include "train.h"

#include <ATen/core/Tensor.h>
#include <flowrun/torch/batch.h>
#include <flowrun/torch/model.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>

#include "history_files.h"
#include "nodes/base/out_file.h"
#include "nodes/slide/slide_files.h"
#include "nodes/torch/device.h"
#include "nodes/torch/model_file.h"
#include "nodes/torch/script_network.h"
#include "nodes/torch/state_dict.h"
#include "nodes/torch/tensor_memory.h"
#include "trainer.h"

namespace flowrun::torch_nodes {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

/// Finished files are only ever replaced as a whole, so that two names may stand for one.
void copy_whole(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::remove(to);
  fs::create_hard_link(from, to, failed);
  if (failed) fs::copy_file(from, to);
}

}  // namespace

void convert(const Value& value, ModelName& out) {
  convert(value, out.text);
  out.script.clear();
  if (!is_architecture(out.text)) convert(value, out.script);
}

Train::Train() = default;
Train::~Train() = default;

void Train::describe(Description<Train>& d) {
  d.summary("Trains a classifier of images.")
      .details(
          "Takes the batches of an epoch, training before validation, and trains a network with torch: one "
          "of torchvision's architectures, with its parameter names, or any TorchScript module by its path, "
          "whose code goes into the checkpoints. What is drawn (first weights, dropout) depends on the seed "
          "alone, whatever is trained beside it; as TorchScript draws from torch's default generators, such "
          "modules compute one after the other while they train. "
          "Each epoch leaves in `dir`: last.pt, the whole training (model, optimizer, loss scaling, random "
          "state, history); best.pt, the same of the epoch with the best `metric`; metrics.csv and "
          "metrics.jsonl, a row an epoch; events.out.tfevents.flowrun for TensorBoard; curves.png and "
          "curves.svg, unless the plugin was built without PLplot. They appear together, when the epoch is done; a run that was killed goes on after the "
          "last whole epoch and ends with the same weights (bit by bit on the CPU, with as many threads for "
          "the model; last.pt and best.pt may be one file under two names: copy before you change one). "
          "Metrics are those of validation; slide_* average a slide's tiles and are given when all tiles of "
          "each slide have one label. With more than two classes they are means over classes, each against "
          "the rest. The model goes on to `model` when all epochs have ended: of the best epoch, or the last "
          "where none could be compared. Weights (`weights`) are a state dict of torchvision's (.pt in the "
          "zip format), safetensors, or a checkpoint (with the state dict as model, state_dict or "
          "model_state_dict); names may begin with model., net., module. or _orig_mod., as Lightning, "
          "DataParallel and torch.compile have it. The last layer begins with random weights when theirs has "
          "other classes or is missing, which is told. What is there for GPUs (device, fp16, on_oom) has not "
          "been tried on one yet.")
      .example("model: {type: train, from: batches, model: resnet18, learning_rate: 0.001, dir: out}")
      .resumes()
      .input<Batch>("batch")
      .output<Model>("model");
  const auto option = [&]<class M>(const char* name, M TrainingOptions::*member, const char* help) {
    return d.option(name, static_cast<M Train::*>(member), help);
  };
  d.option("dir", &Train::dir, "folder for checkpoints and metrics").required().output_folder();
  option("model", &TrainingOptions::model,
         "resnet18, resnet34, resnet50, efficientnet_b0, or the path of a TorchScript module");
  option("output", &TrainingOptions::output,
         "what a TorchScript module gives: logits, probabilities, or auto: probabilities where its code ends "
         "in softmax, and logits where it does not; numbers that look otherwise are refused")
      .choices({"auto", "logits", "probabilities"});
  option("weights", &TrainingOptions::weights, "file to begin with; random weights, if not given");
  option("freeze_backbone", &TrainingOptions::freeze_backbone,
         "train the last layer only; the others, with their running statistics, stay as they are, and "
         "nothing is dropped out");
  option("loss", &TrainingOptions::loss, "what is minimised").choices({"cross_entropy", "focal"});
  option("class_weights", &TrainingOptions::class_weights,
         "auto (classes that are rarely drawn weigh more: with sampling: balanced all the same), or a number "
         "for each class; all 1, if not given");
  option("label_smoothing", &TrainingOptions::label_smoothing, "share of a label spread over all classes")
      .at_least(0)
      .at_most(1);
  option("focal_gamma", &TrainingOptions::focal_gamma, "how much less well-known samples count, for focal")
      .at_least(0);
  option("optimizer", &TrainingOptions::optimizer, "how weights follow gradients").choices({"adamw", "sgd"});
  option("learning_rate", &TrainingOptions::learning_rate, "highest of the schedule").above(0);
  option("weight_decay", &TrainingOptions::weight_decay, "pull of weights towards 0").at_least(0);
  option("momentum", &TrainingOptions::momentum, "of sgd, unless one_cycle cycles it").at_least(0).at_most(1);
  option("schedule", &TrainingOptions::schedule,
         "the learning rate over the run; one_cycle is PyTorch's OneCycleLR with its defaults, which also "
         "cycles the momentum (of adamw the first beta) from 0.95 to 0.85 and back")
      .choices({"constant", "cosine", "step", "one_cycle"});
  option("warmup_epochs", &TrainingOptions::warmup_epochs, "epochs in which the learning rate rises from 0")
      .at_least(0);
  option("step_epochs", &TrainingOptions::step_epochs, "epochs between steps of the schedule").at_least(1);
  option("step_factor", &TrainingOptions::step_factor, "what the learning rate is multiplied with at a step")
      .above(0)
      .at_most(1);
  option("clip_norm", &TrainingOptions::clip_norm, "largest norm of all gradients together").above(0);
  option("accumulate", &TrainingOptions::accumulate,
         "batches whose gradients are added up for a step, as if they were one batch (but that batch "
         "normalisation has the statistics of each)")
      .at_least(1);
  option("precision", &TrainingOptions::precision,
         "fp32, or half of it where that is safe: bf16, or on a GPU fp16 with loss scaling")
      .choices({"fp32", "bf16", "fp16"});
  option("checkpointing", &TrainingOptions::checkpointing,
         "compute each block again in the backward pass instead of keeping it: less memory, more time");
  option("channels_last", &TrainingOptions::channels_last, "keep colours beside each other, which is faster");
  option("device", &TrainingOptions::device, "auto, cpu or cuda:N");
  option("threads", &TrainingOptions::threads,
         "that the model computes with; as many as the run has, if not given")
      .at_least(1);
  option("empty_cache_steps", &TrainingOptions::empty_cache_steps,
         "steps after which the GPU's unused memory is given back; 0: never")
      .at_least(0);
  option("on_oom", &TrainingOptions::on_oom,
         "when a batch does not fit into memory: stop, and say what would, or split it and add up gradients: "
         "those of the whole batch, but that batch normalisation has the statistics of each part")
      .choices({"stop", "split"});
  option("metric", &TrainingOptions::metric, "what the best epoch is the best in").choices(metric_names());
  option("patience", &TrainingOptions::patience, "epochs without a better metric after which training stops")
      .at_least(1);
  option("seed", &TrainingOptions::seed, "of first weights and dropout").at_least(0);
}

void Train::plan(Costs& costs) {
  if (!model.script.empty() && !fs::is_regular_file(model.script))
    throw OptionError(
        "model", fmt::format("no network is known as '{}', and there is no such file", model.text),
        fmt::format("one of {}, or the path of a TorchScript module", fmt::join(architectures(), ", ")));
  if (weights && !fs::is_regular_file(*weights))
    throw OptionError("weights", fmt::format("there is no file {}", weights->string()));
  try {
    choose_device(device);
  } catch (const Error& problem) {
    throw OptionError("device", problem.what());
  }
  if (class_weights != std::vector<std::string>{"auto"})
    for (const std::string& text : class_weights) {
      double number = 0;
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
      if (error != std::errc() || end != text.data() + text.size() || number < 0)
        throw OptionError("class_weights", fmt::format("'{}' is no weight", text),
                          "auto, or a number of at least 0 for each class");
    }
  // Weights, gradients, and what the optimizer keeps: two numbers a weight for adamw, one for sgd.
  std::size_t numbers = 0;
  const auto network = [&] {
    if (model.script.empty()) return make_network(model.text, 2);
    try {
      return load_script(read_script(model.script), output);
    } catch (const Error& problem) {
      throw OptionError("model", problem.what());
    }
  }();
  if (weights) try {
      load_weights(*network, *weights);
    } catch (const Error& problem) {
      throw OptionError("weights", problem.what());
    }
  for (const auto& [name, tensor] : network->parameters())
    numbers += static_cast<std::size_t>(tensor.numel());
  threads_of_run_ = static_cast<int>(costs.threads);
  const std::size_t code = network->code().defined() ? network->code().nbytes() : 0;
  costs.keeps_for_run = numbers * sizeof(float) * (optimizer == "adamw" ? 4 : 3) + code;
  costs.out("model", numbers * sizeof(float) + code);
}

std::map<std::string, std::string> Train::depends_on(const std::string&) const {
  std::map<std::string, std::string> all;
  if (weights) wsi::add_identity("weights", *weights, all);
  if (!model.script.empty()) wsi::add_identity("model", model.script, all);
  return all;
}

int Train::model_threads() const {
  return threads.value_or(threads_of_run_);
}

Action Train::process(Inputs& in, Outputs&) {
  return [this, batch = in.share<Batch>("batch")] { take(*batch); };
}

void Train::take(const Batch& batch) {
  const ModelThreads share(model_threads());
  if (!trainer_) {
    keep_tensor_memory();
    trainer_ = std::make_unique<Trainer>(*this, make_task(*this, batch), batch);
    if (batch.epoch > 0) trainer_->resume(dir / "last.pt");
  } else if (idle_since_ != Clock::time_point{} && !batch.validation) {
    waiting_seconds_ += seconds_since(idle_since_);
  }
  if (batch.epoch != trainer_->next_epoch())
    throw Error(
        fmt::format("epoch {} is to be trained, but {} is of epoch {}: run with --force to train anew",
                    batch.epoch + 1, (dir / "last.pt").string(), trainer_->next_epoch()));
  const auto began = Clock::now();
  trainer_->take(batch);
  if (!batch.validation) {
    busy_seconds_ += seconds_since(began);
    images_ += static_cast<std::uint64_t>(batch.images.size(0));
  }
  idle_since_ = Clock::now();
}

void Train::finish(Inputs& in, Outputs& out) {
  if (!trainer_) return;
  if (!in.scope().failed()) end_epoch(in);
  for (std::string& note : trainer_->take_notes()) out.note(std::move(note));
  if (in.scope().failed()) return;
  if (patience && trainer_->history().stagnates(metric, *patience)) {
    out.end_scopes();
    out.note(fmt::format("training stopped early: no better {} in {} epochs", metric, *patience));
  }
}

void Train::end_epoch(Inputs& in) {
  const ModelThreads share(model_threads());
  trainer_->end_epoch();
  const History& history = trainer_->history();
  const auto hand_on = [&](const char* name) { return in.scope().hand_on(dir, name); };
  const auto last = hand_on("last.pt");
  trainer_->save(last);
  const auto best = history.best(metric);
  if (best.value_or(history.rows().size() - 1) == history.rows().size() - 1)
    copy_whole(last, hand_on("best.pt"));
  wsi::write_file(hand_on("metrics.csv"), metrics_csv(history));
  wsi::write_file(hand_on("metrics.jsonl"), metrics_jsonl(history));
  wsi::write_file(hand_on("events.out.tfevents.flowrun"), tensorboard_events(history));
#ifdef FLOWRUN_PLPLOT
  draw_curves(history, hand_on("curves.png"));
  draw_curves(history, hand_on("curves.svg"));
#endif
  idle_since_ = {};  // between epochs nobody waits for batches
}

Packets Train::finish_run(Inputs& in, Outputs& out) {
  if (in.scope().failed()) return {};
  if (images_ > 0 && busy_seconds_ > 0) {
    out.note(fmt::format("{:.1f} training images/s, {:.1f} % of the time waiting for them",
                         static_cast<double>(images_) / (busy_seconds_ + waiting_seconds_),
                         100 * waiting_seconds_ / (busy_seconds_ + waiting_seconds_)));
  }
  trainer_.reset();  // its memory before the model's
  release_tensor_memory();
  return {1, [this](std::uint64_t, Outputs& at_end) { at_end.emit("model", read_model(dir / "best.pt")); }};
}

}  // namespace flowrun::torch_nodes
