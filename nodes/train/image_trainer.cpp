// SPDX-License-Identifier: Apache-2.0
#include "image_trainer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "image_task.h"
#include "layer_rates.h"
#include "nodes/torch/device.h"
#include "nodes/torch/pickle_file.h"
#include "nodes/torch/resolution.h"
#include "nodes/torch/script_network.h"
#include "nodes/torch/state_dict.h"

namespace flowrun::torch_nodes {
namespace {

std::unique_ptr<Network> make(const ImageTrainingOptions& options, std::size_t outputs) {
  const auto seed = static_cast<std::uint64_t>(options.seed);
  if (!options.model.script.empty())
    return load_script(read_script(options.model.script),
                       options.task == "regression" ? "logits" : options.output, seed);
  return make_network(options.model.text, static_cast<std::int64_t>(outputs), seed);
}

ModelFacts facts_of(const ImageTrainingOptions& options, const Task& task, const Batch& first) {
  const bool ours = options.model.script.empty();
  return {ours ? options.model.text : script_architecture,
          task.outputs(),
          first.images.size(3),
          first.images.size(2),
          first.mean,
          first.std,
          ours || task.name() != "classification" ? "logits" : options.output,
          task.name(),
          mpp_of(first)};
}

/// What is learnt: all parameters, or those of the last layer.
NamedTensors learnt(const ImageTrainingOptions& options, const Network& network) {
  NamedTensors out;
  if (options.freeze_backbone && network.head().empty())
    throw Error(fmt::format("freeze_backbone needs a model with a known last layer; {} has none",
                            options.model.text));
  for (auto& [name, tensor] : network.parameters()) {
    const bool learns = !options.freeze_backbone || name.starts_with(network.head());
    tensor.set_requires_grad(learns);
    if (learns) out.emplace_back(name, tensor);
  }
  return out;
}

/// A count, or null where it is not known.
nlohmann::ordered_json known(std::uint64_t count) {
  return count > 0 ? nlohmann::ordered_json(count) : nlohmann::ordered_json();
}

/// Of batch normalisation: of ours, and of PyTorch's in a module.
bool is_of_one_value(const std::exception& problem) {
  return std::string_view(problem.what()).find("more than 1 value per channel") != std::string_view::npos;
}

/// Among those of its kind in an epoch: by number, those that all folds test last.
std::uint64_t place_of(const SampleOrigin& sample) {
  return sample.number + (sample.held_out ? std::uint64_t{1} << 63 : 0);
}

}  // namespace

ImageTrainer::ImageTrainer(const ImageTrainingOptions& options, const Batch& first, Copies copies,
                           std::shared_ptr<Ranks> ranks)
    : Trainer(options, make_task(options, first), std::move(copies), std::move(ranks)),
      options_(options),
      samples_(first.set),
      mixing_random_(static_cast<std::uint64_t>(options.seed)) {
  auto network = make(options, task().outputs().size());
  load_weights_of_options(*network);
  network->to(device());
  if (options.channels_last)
    for (auto& [name, tensor] : network->parameters())
      if (tensor.dim() == 4) tensor.set_data(tensor.contiguous(at::MemoryFormat::ChannelsLast));
  if (options.checkpointing && !network->checkpoint_blocks(true))
    throw Error(
        fmt::format("checkpointing needs a model with known blocks; {} has none", options.model.text));
  join_batch_norms(*network);
  NamedTensors parameters = learnt(options, *network);
  const std::vector<double> rates =
      options.layer_decay < 1 ? layer_rates(*network, options.layer_decay) : std::vector<double>{};
  begin(std::move(network), std::move(parameters), facts_of(options, task(), first), first.epochs,
        first.training_batches, rates);
}

void ImageTrainer::load_weights_of_options(Network& network) {
  if (!options_.weights) return;
  const Head head = load_weights(network, *options_.weights);
  if (head == Head::loaded) return;
  note(fmt::format("{} {}: the last layer begins with random weights", options_.weights->string(),
                   head == Head::missing ? "has no last layer" : "is of other classes"));
}

std::string ImageTrainer::more_settings() const {
  std::string all = fmt::format("{} {}", options_.freeze_backbone, options_.output);
  if (options_.layer_decay < 1) all += fmt::format(" layer_decay {}", options_.layer_decay);
  if (options_.mixup > 0) all += fmt::format(" mixup {}", options_.mixup);
  return all;
}

void ImageTrainer::save_more(c10::impl::GenericDict& checkpoint) const {
  checkpoint.insert("part", part_);
  if (options_.mixup > 0) checkpoint.insert("mixup_random", to_dict(mixing_random_.state()));
}

void ImageTrainer::resume_more(const Checkpoint& checkpoint) {
  if (checkpoint.facts.width != facts().width || checkpoint.facts.height != facts().height)
    throw Error(fmt::format("its images were {} x {} pixels, not {} x {}", checkpoint.facts.width,
                            checkpoint.facts.height, facts().width, facts().height));
  set_mpp(checkpoint.facts.mpp);
  part_ = checkpoint.entry("part").toInt();
  if (options_.mixup > 0) mixing_random_.restore(to_map(checkpoint.entry("mixup_random")));
}

void ImageTrainer::check(const Batch& batch) const {
  if (batch.images.dim() != 4 || batch.images.size(1) != 3 || batch.images.size(0) == 0)
    throw Error("a batch has no images of three colours");
  if (batch.images.size(2) != facts().height || batch.images.size(3) != facts().width)
    throw Error(fmt::format("images are {} x {} pixels, but the first were {} x {}; give all one size",
                            batch.images.size(3), batch.images.size(2), facts().width, facts().height));
}

void ImageTrainer::take(const Batch& batch) {
  check(batch);
  if (const auto mpp = mpp_of(batch); facts().mpp && !is_near(mpp, *facts().mpp, usual_mpp_tolerance))
    set_mpp({});  // samples of several resolutions
  const at::Tensor targets = targets_of(task(), batch);
  if (batch.validation) return validate(batch, targets);
  come_to(batch.number);
  train(batch.images, targets);
}

at::Tensor ImageTrainer::images_on_device(const at::Tensor& images) {
  const at::Tensor out = copies().to_device(images);
  return options_.channels_last ? out.contiguous(at::MemoryFormat::ChannelsLast) : out;
}

void ImageTrainer::learn(const at::Tensor& images, const MixedTargets& targets) {
  at::Tensor outputs;
  {
    const Autocast in_precision(precision());
    outputs = network().forward(images);
  }
  if (outputs.dim() != 2 || outputs.size(1) != static_cast<std::int64_t>(task().outputs().size()))
    throw Error(fmt::format("{} gives {} numbers an image, but there are {} {}", options_.model.text,
                            outputs.dim() == 2 ? outputs.size(1) : 0, task().outputs().size(),
                            task().outputs_are()));
  backward(targets.loss(task(), outputs), targets.weight(task()), outputs.size(0),
           targets.training_sum(task(), outputs.detach()));
}

void ImageTrainer::train(const at::Tensor& own, const at::Tensor& own_targets) {
  network().train(!options_.freeze_backbone);  // or else running statistics would move
  Mixing mixing;
  if (options_.mixup > 0) mixing = Mixing::drawn(options_.mixup, own.size(0), mixing_random_);
  const at::Tensor images = mixing.mixed(own);
  const MixedTargets targets(task(), own_targets, mixing);
  const double weight = targets.weight(task());
  std::vector<std::pair<at::Tensor, at::Tensor>> statistics;  // of layers before one that refuses the batch
  if (images.size(0) == 1)
    for (const auto& [name, tensor] : network().buffers()) statistics.emplace_back(tensor, tensor.clone());
  if (joins_ranks_ && weight == 0)
    throw Error(
        "a rank's samples of a batch weigh nothing by their class, and with sync_batch_norm each rank has to "
        "learn from each batch: leave such samples out");
  while (weight > 0) {
    try {
      learn_in_parts(images, targets, weight);
      break;
    } catch (const std::exception& problem) {
      if (is_of_one_value(problem) && !statistics.empty()) {
        forget_batch();
        for (auto& [now, then] : statistics) now.copy_(then);
        return leave_out();
      }
      if (!is_out_of_memory(problem) || joins_ranks_) throw;
      forget_batch();
      split_after(problem, images, targets);
    }
  }
  end_batch(weight);
}

/// Of one image, which batch normalisation cannot take.
void ImageTrainer::leave_out() {
  are_several_ranks() ? end_batch(0) : skip_batch();  // others may have learnt from it
  if (!std::exchange(left_out_, true))
    note(fmt::format(
        "batches of one image of {} x {} pixels are left out: batch normalisation has one value a "
        "channel, and no variance of it; set another `batch`, or drop_last",
        facts().width, facts().height));
}

std::string ImageTrainer::why_no_samples() const {
  if (!left_out_) return Trainer::why_no_samples();
  return fmt::format(
      "each batch has one image of {} x {} pixels, of which batch normalisation has one value a channel and "
      "no "
      "variance: set `batch` to 2 or more, or give larger images",
      facts().width, facts().height);
}

void ImageTrainer::validate(const Batch& batch, const at::Tensor& targets) {
  begin_validation();
  const c10::NoGradGuard no_grad;
  std::vector<SampleOrigin> origins = batch.samples;
  origins.resize(static_cast<std::size_t>(batch.images.size(0)));
  std::vector<std::string> slides;
  std::vector<std::uint64_t> places;
  for (const SampleOrigin& sample : origins) {
    slides.push_back(sample.slide);
    places.push_back(place_of(sample));
  }
  at::Tensor outputs;
  {
    const Autocast in_precision(precision());
    outputs = network().forward(images_on_device(batch.images));
  }
  batch.test ? test(outputs, targets, slides, places) : score(outputs, targets, slides, places);
  for (const SampleOrigin& sample : origins)
    now_.push_back({sample.number, sample.patient, batch.test, sample.held_out, {}});
}

void ImageTrainer::end() {
  end_epoch();
  gather_evaluated();
  if (last_is_best()) {
    auto validation = judged().begin(), test = judged_tests().begin();
    for (Evaluated& one : now_) one.scored = *(one.test ? test++ : validation++);
    best_ = std::move(now_);
  }
  now_.clear();
}

nlohmann::ordered_json ImageTrainer::trained_on() const {
  if (!samples_) return nullptr;
  const auto part = [&](const wsi::SamplePart& of) {
    nlohmann::ordered_json out{
        {"tiles", of.samples}, {"slides", known(of.slides)}, {"patients", known(of.patients)}};
    if (task().name() == "classification") {
      nlohmann::ordered_json& by_class = out["tiles_by_class"] = nlohmann::ordered_json::object();
      for (std::size_t i = 0; i < of.of_class.size() && i < task().outputs().size(); ++i)
        by_class[task().outputs()[i]] = of.of_class[i];
    }
    return out;
  };
  // By their names: where they lie is nobody's business who reads a model card.
  auto tables = nlohmann::ordered_json::array();
  for (const std::string& table : samples_->tables)
    tables.push_back(std::filesystem::path(table).filename().string());
  return {{"tables", tables},
          {"fold", samples_->folds > 0 ? nlohmann::ordered_json(samples_->fold) : nullptr},
          {"training", part(samples_->training)},
          {"validation", part(samples_->validation)},
          {"test", part(samples_->test)},
          {"tiles_per_epoch", samples_->training_samples},
          {"icc_profiles_applied", samples_->some_in_srgb}};
}

void ImageTrainer::add_options(nlohmann::ordered_json& options) const {
  options["model"] = options_.model.text;
  options["output"] = options_.output;
  options["weights"] = options_.weights ? nlohmann::ordered_json(options_.weights->string()) : nullptr;
  options["freeze_backbone"] = options_.freeze_backbone;
  options["layer_decay"] = options_.layer_decay;
  options["mixup"] = options_.mixup;
}

void ImageTrainer::add_metrics(History::Row& row) const {
  task().add_metrics(by_slide(scored()).value_or(std::vector<Scored>{}), "slide_", row);
}

std::string ImageTrainer::why_missing(const std::string& metric) const {
  constexpr std::string_view of_slides = "slide_";
  if (!metric.starts_with(of_slides)) return Trainer::why_missing(metric);
  // Nothing where tiles of one slide differ.
  if (const auto slides = by_slide(scored()))
    return task().why_missing(metric.substr(of_slides.size()), *slides, "slide");
  return fmt::format("tiles of one slide have several {}, or their slide is not known",
                     task().name() == "classification" ? "labels" : "targets");
}

}  // namespace flowrun::torch_nodes
