// SPDX-License-Identifier: Apache-2.0
// What a Trainer does where several ranks train together. All take each step, also those that had no samples
// of it, with the same gradients, so that the weights of all are the same, bit by bit.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "nodes/base/random.h"
#include "nodes/torch/random_source.h"
#include "trainer.h"

namespace flowrun::torch_nodes {
namespace {

/// Samples as text, and what they go by.
nlohmann::json to_json(const std::vector<Scored>& samples, const std::vector<std::uint64_t>& places) {
  auto all = nlohmann::json::array();
  for (std::size_t i = 0; i < samples.size(); ++i)
    all.push_back({places[i], samples[i].slide, samples[i].target, samples[i].predicted});
  return all;
}

}  // namespace

void Trainer::come_to(std::uint64_t batch) {
  if (!ranks_->are_several()) return;
  // Rank 0 goes on where the checkpoint left off; others would drop out the same for other samples.
  if (const Rank& own = ranks_->own(); batches_ == 0 && own.number > 0) {
    const std::uint64_t of_epoch = wsi::mix(static_cast<std::uint64_t>(options_.seed) + next_epoch());
    RandomSource random(wsi::mix(of_epoch + static_cast<std::uint64_t>(own.number)));
    random.to(device_);
    const NamedTensors state = random.state();
    network_->restore_random({state.begin(), state.end()});
  }
  if (joins_ranks_ && batches_ < batch)
    throw Error(
        fmt::format("rank {} has no sample of batch {} of epoch {}, and with sync_batch_norm each rank needs "
                    "one: set another `batch`, or drop_last, or start fewer ranks",
                    ranks_->own().number, batches_ + 1, next_epoch() + 1));
  while (batches_ < batch) end_batch(0);
}

/// Gradients go by the others' samples, too, so all ranks have to measure them alike.
double Trainer::weight_of_all(double own) {
  const at::Tensor weight = at::full({}, own, at::kDouble);
  ranks_->sum({weight});
  return weight.item<double>();
}

std::optional<std::vector<at::Tensor>> Trainer::gradients_of_step() {
  const double own = std::exchange(window_weight_, 0), unit = std::exchange(unit_, 0);
  const NamedTensors& parameters = optimizer_->parameters();
  const at::Tensor numbers = at::zeros({1 + std::ssize(parameters)}, at::kDouble);
  double* const weight = numbers.data_ptr<double>();
  double* const there = weight + 1;
  *weight = own;
  for (std::size_t i = 0; i < parameters.size(); ++i) there[i] = parameters[i].second.grad().defined();
  ranks_->sum({numbers});
  if (*weight == 0) return {};  // all of targets that weigh nothing
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    at::Tensor parameter = parameters[i].second;
    if (there[i] > 0 && !parameter.grad().defined()) parameter.mutable_grad() = at::zeros_like(parameter);
  }
  std::vector<at::Tensor> gradients = gradients_of(parameters);
  if (unit != *weight)
    for (const at::Tensor& gradient : gradients) gradient.mul_(unit / *weight);
  ranks_->sum(gradients);
  return gradients;
}

void Trainer::end_training() {
  if (std::exchange(training_ended_, true)) return;
  come_to(batches_per_epoch_);
  if (in_window_ > 0) take_step();
  if (!ranks_->are_several()) return;
  std::vector<at::Tensor> statistics;  // which each rank has of its own samples
  for (const auto& [name, buffer] : network_->buffers()) statistics.push_back(buffer);
  if (average_)
    for (const auto& [name, tensor] : average_->aside()) statistics.push_back(tensor);
  ranks_->take_first(statistics);
}

void Trainer::gather_epoch() {
  if (!ranks_->are_several()) return;
  const at::Tensor sums = at::tensor(
      {sums_.loss, sums_.weight, sums_.metric, static_cast<double>(sums_.samples), validation_loss_sum_},
      at::kDouble);
  ranks_->sum({sums});
  const double* const of_all = sums.data_ptr<double>();
  sums_ = {of_all[0], of_all[1], of_all[2], static_cast<std::uint64_t>(of_all[3])};
  validation_loss_sum_ = of_all[4];
  gather(scored_);
  gather(tested_);
}

void Trainer::gather(Said& said) {
  const std::size_t outputs = task_->outputs().size();
  struct Row {
    std::uint64_t place;
    Scored sample;
    std::vector<float> logits;
  };
  const nlohmann::json own{{"samples", to_json(said.samples, said.places)}, {"logits", said.logits}};
  const auto bytes = nlohmann::json::to_cbor(own);
  std::vector<Row> rows;
  for (const std::string& text : ranks_->gather({bytes.begin(), bytes.end()})) {
    const auto all = nlohmann::json::from_cbor(text);
    const auto logits = all.at("logits").get<std::vector<float>>();
    auto next = logits.begin();
    for (const auto& one : all.at("samples")) {
      Row& row = rows.emplace_back(one.at(0), Scored{one.at(1), one.at(2), one.at(3)}, std::vector<float>{});
      if (logits.empty()) continue;
      row.logits.assign(next, next + static_cast<std::ptrdiff_t>(outputs));
      next += static_cast<std::ptrdiff_t>(outputs);
    }
  }
  std::ranges::sort(rows, {}, &Row::place);
  said = {};
  for (Row& row : rows) {
    said.places.push_back(row.place);
    said.samples.push_back(std::move(row.sample));
    said.logits.insert(said.logits.end(), row.logits.begin(), row.logits.end());
  }
}

}  // namespace flowrun::torch_nodes
