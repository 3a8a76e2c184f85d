// SPDX-License-Identifier: Apache-2.0
#include "bag_trainer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>
#include <set>
#include <string_view>
#include <utility>

#include "evidence.h"
#include "nodes/mil/pooling.h"
#include "nodes/mil/slide_outputs.h"
#include "nodes/torch/device.h"
#include "slide_tasks.h"

namespace flowrun::torch_nodes {
BagTrainer::BagTrainer(const BagTrainingOptions& options, std::shared_ptr<const BagSet> set, std::size_t fold,
                       std::shared_ptr<Ranks> ranks)
    : Trainer(options, make_slide_task(options, options.intervals, *set, fold),
              Copies(choose_device(options.device)), std::move(ranks)),
      options_(options),
      set_(std::move(set)),
      fold_(fold) {
  BagModel model{options.model, static_cast<std::int64_t>(set_->dimensions), options.hidden,
                 options.attention, options.dropout};
  auto network =
      std::make_unique<BagNetwork>(std::move(model), numbers_of(options.task, task().outputs().size()),
                                   static_cast<std::uint64_t>(options.seed));
  network->to(device());
  ModelFacts facts;
  facts.architecture = options.model;
  facts.classes = task().outputs();
  facts.output = "logits";
  facts.task = task().name();
  NamedTensors learnt = network->parameters();
  for (auto& [name, tensor] : learnt) tensor.set_requires_grad(true);
  begin(std::move(network), std::move(learnt), std::move(facts), set_->epochs,
        static_cast<std::uint64_t>(
            std::ranges::count_if(std::views::iota(std::size_t{0}, set_->bags.size()),
                                  [&](std::size_t bag) { return role(bag) == Role::train && weighs(bag); })));
}

at::Tensor BagTrainer::targets_of(std::size_t bag) const {
  if (set_->targets.empty()) return at::tensor({static_cast<std::int64_t>(set_->bags[bag].label)});
  const auto values = set_->targets_of(bag);
  return at::tensor(at::ArrayRef<float>(values.data(), values.size())).unsqueeze(0);
}

bool BagTrainer::weighs(std::size_t bag) const {
  return task().is_joint() || task().weight(targets_of(bag)) > 0;
}

void BagTrainer::learn(std::size_t bag, const BagTiles& tiles) {
  if (!weighs(bag)) return;  // a mean over it would be divided by 0
  come_to(0);
  network().train(true);
  if (task().is_joint()) return learn_together(bag, tiles);
  begin_batch(1);
  tiles.whole().defined() ? learn_whole(bag, tiles.whole()) : learn_in_blocks(bag, tiles);
  end_batch(1);
}

void BagTrainer::pass(std::size_t bag) {
  if (!are_several_ranks() || !weighs(bag)) return;
  come_to(0);
  end_batch(0);
}

/// Adds the gradients of the bag's loss. The tiles are those of Evidence.
void BagTrainer::learn_from(std::size_t bag, const at::Tensor& pooled, const at::Tensor& highest,
                            const at::Tensor& lowest) {
  const at::Tensor right = targets_of(bag), targets = copies().to_device(right);
  at::Tensor outputs, loss;
  {
    const Autocast in_precision(precision());
    outputs = bags().logits(pooled);
    if (highest.defined())
      loss =
          evidence_loss(bags(), set_->bags[bag].label, outputs.size(1), options_.subtyping, highest, lowest);
  }
  double weight = 1;
  if (joint_now_.gradient.defined()) {
    const at::Tensor along = (outputs.to(at::kFloat) * joint_now_.gradient).sum();
    loss = along - along.detach() + joint_now_.loss;
    weight = joint_now_.weight;
  } else {
    // A mean over one sample is divided by its weight again, which would make all classes weigh the same.
    const at::Tensor of_bag = task().loss(outputs, targets) * task().weight(right);
    loss = loss.defined() ? options_.bag_weight * of_bag + (1 - options_.bag_weight) * loss : of_bag;
  }
  backward(loss, weight, 1, task().training_sum(outputs.detach(), targets));
}

/// Pooling is not in that precision, where sums over many tiles would be wrong.
BagBlock BagTrainer::embedded(const at::Tensor& features) {
  const Autocast in_precision(precision());
  return bags().embed(copies().to_device(features));
}

void BagTrainer::learn_whole(std::size_t bag, const at::Tensor& features) {
  const BagBlock block = embedded(features);
  at::Tensor highest, lowest;
  if (bags().model().kind == "clam_sb") {
    const std::int64_t count = std::min(options_.k_sample, block.scores.size(0));
    highest = block.hidden.index_select(0, std::get<1>(block.scores.topk(count)));
    lowest = block.hidden.index_select(0, std::get<1>((-block.scores).topk(count)));
  }
  learn_from(bag, pooled(bags().model(), block), highest, lowest);
}

void BagTrainer::learn_in_blocks(std::size_t bag, const BagTiles& tiles) {
  const NamedTensors random = bags().random().state();
  const bool clam = bags().model().kind == "clam_sb";
  Pooling pooling(bags().model());
  Evidence evidence(options_.k_sample);
  tiles.for_each([&](const at::Tensor& features, std::int64_t first) {
    const c10::NoGradGuard no_grad;
    const BagBlock block = embedded(features);
    pooling.add(block);
    if (clam) evidence.add(block, first);
  });
  at::Tensor pooled = pooling.pooled().requires_grad_();
  if (clam) evidence.want_gradients();
  learn_from(bag, pooled, evidence.highest(), evidence.lowest());
  // The same dropout once more.
  const RestoredRandom again(bags().random(), random);
  try {
    tiles.for_each([&](const at::Tensor& features, std::int64_t first) {
      const BagBlock block = embedded(features);
      BagBlock gradients = pooling.gradients(block, pooled.grad(), first);
      if (clam) evidence.add_gradients(gradients.hidden, first);
      std::vector<at::Tensor> of{block.hidden}, by{gradients.hidden.to(block.hidden.scalar_type())};
      if (block.scores.defined()) of.push_back(block.scores), by.push_back(gradients.scores);
      torch::autograd::backward(of, by);
    });
  } catch (const UnreadBag& problem) {
    throw not_once_more(bag, problem);
  }
}

void BagTrainer::end_learning() {
  end_joint_step();
  end_training();
}

void BagTrainer::evaluate(std::size_t bag, const BagTiles& tiles) {
  begin_validation();
  const c10::NoGradGuard no_grad;
  Pooling pooling(bags().model());
  tiles.for_each([&](const at::Tensor& features, std::int64_t) { pooling.add(embedded(features)); });
  at::Tensor outputs;
  {
    const Autocast in_precision(precision());
    outputs = bags().logits(pooling.pooled());
  }
  if (!task().predictions(outputs).isfinite().all().item<bool>())
    throw Error(
        fmt::format("what the model of fold {} says of slide '{}' is not finite in epoch {}: lower "
                    "learning_rate, or set clip_norm",
                    fold_, set_->bags[bag].slide, next_epoch() + 1));
  const std::vector<std::string> slide{set_->bags[bag].slide};
  role(bag) == Role::validation ? score(outputs, targets_of(bag), slide, {bag})
                                : test(outputs, targets_of(bag), slide, {bag});
  evaluated_.push_back(bag);
}

/// Each rank has those of all.
void BagTrainer::gather_evaluated() {
  if (!are_several_ranks()) return;
  const auto bytes = nlohmann::json::to_cbor(evaluated_);
  evaluated_.clear();
  for (const std::string& said : ranks().gather({bytes.begin(), bytes.end()}))
    for (const std::size_t bag : nlohmann::json::from_cbor(said).get<std::vector<std::size_t>>())
      evaluated_.push_back(bag);
  std::ranges::sort(evaluated_);
}

void BagTrainer::end() {
  if (const std::uint64_t bags = std::exchange(untaught_, 0);
      bags > 0 && !std::exchange(told_untaught_, true))
    note(fmt::format(
        "fold {}: nothing is learnt from steps in which no slide had the event while another was at "
        "risk, as of {} slides in epoch {}: set accumulate higher",
        fold_, bags, next_epoch() + 1));
  end_epoch();
  gather_evaluated();
  if (last_is_best()) {
    best_.clear();
    auto validation = judged().begin(), test = judged_tests().begin();
    for (const std::size_t bag : evaluated_) {
      const Scored& said = *(role(bag) == Role::validation ? validation++ : test++);
      best_.push_back({bag, said.predicted, said.thresholds});
    }
  }
  evaluated_.clear();
}

std::string BagTrainer::why_missing(const std::string& metric) const {
  return fmt::format("fold {}: {}", fold_, task().why_missing(metric, scored(), "slide"));
}

std::string BagTrainer::why_no_samples() const {
  if (task().is_joint())
    return fmt::format(
        "fold {} had nothing to train with in an epoch: in no step one slide had the event while "
        "another was known to be without: set accumulate higher",
        fold_);
  return fmt::format("fold {} had nothing to train with in an epoch", fold_);
}

std::string BagTrainer::more_settings() const {
  return fmt::format("{} {} {} {} {} {} {}", options_.hidden, options_.attention, options_.dropout,
                     options_.bag_weight, options_.k_sample, options_.subtyping, options_.intervals);
}

nlohmann::ordered_json BagTrainer::trained_on() const {
  nlohmann::ordered_json out{{"features", set_->dimensions}, {"fold", fold_}};
  for (const Role part : {Role::train, Role::validation, Role::test}) {
    std::set<std::string_view> patients;
    std::uint64_t slides = 0, tiles = 0;
    std::vector<std::uint64_t> by_class(set_->classes.size());
    for (std::size_t bag = 0; bag < set_->bags.size(); ++bag) {
      if (role(bag) != part) continue;
      const Bag& one = set_->bags[bag];
      ++slides, tiles += one.tiles;
      patients.insert(one.patient);
      if (!by_class.empty()) ++by_class[one.label];
    }
    nlohmann::ordered_json& entry = out[std::string(name_of(part))] = {
        {"slides", slides}, {"patients", patients.size()}, {"tiles", tiles}};
    for (std::size_t i = 0; i < by_class.size(); ++i)
      entry["slides_by_class"][set_->classes[i]] = by_class[i];
  }
  return out;
}

void BagTrainer::add_options(nlohmann::ordered_json& options) const {
  options["model"] = options_.model;
  options["hidden"] = options_.hidden;
  options["attention"] = options_.attention;
  options["dropout"] = options_.dropout;
  options["bag_weight"] = options_.bag_weight;
  options["k_sample"] = options_.k_sample;
  options["subtyping"] = options_.subtyping;
  options["intervals"] = options_.intervals;
}

void BagTrainer::save_more(c10::impl::GenericDict& checkpoint) const {
  checkpoint.insert("bag_model", bags().model().to_text());
  auto all = nlohmann::json::array();
  for (const BagPrediction& one : best_) all.push_back({set_->bags[one.bag].slide, one.predicted});
  checkpoint.insert("predictions", all.dump());
  if (const auto of = best_.empty() ? Thresholds() : best_.front().thresholds; !values_of(of).empty())
    checkpoint.insert("predictions_thresholds", nlohmann::json(*of).dump());
}

void BagTrainer::resume_more(const Checkpoint& checkpoint) {
  if (checkpoint.entry("bag_model").toStringRef() != bags().model().to_text())
    throw Error(fmt::format("its model is {}, not {}", checkpoint.entry("bag_model").toStringRef(),
                            bags().model().to_text()));
  best_.clear();
  Thresholds thresholds;
  if (checkpoint.has("predictions_thresholds"))
    thresholds = std::make_shared<const std::vector<double>>(
        nlohmann::json::parse(checkpoint.entry("predictions_thresholds").toStringRef()));
  for (const auto& one : nlohmann::json::parse(checkpoint.entry("predictions").toStringRef())) {
    const std::string slide = one.at(0);
    const auto found = std::ranges::lower_bound(set_->bags, slide, {}, &Bag::slide);
    if (found != set_->bags.end() && found->slide == slide)
      best_.push_back({static_cast<std::size_t>(found - set_->bags.begin()), one.at(1), thresholds});
  }
}

}  // namespace flowrun::torch_nodes
