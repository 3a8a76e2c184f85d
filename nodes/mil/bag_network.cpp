// SPDX-License-Identifier: Apache-2.0
#include "bag_network.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "pooling.h"

namespace flowrun::torch_nodes {

const std::vector<std::string>& bag_models() {
  static const std::vector<std::string> kinds{"attention", "gated_attention", "clam_sb", "mean", "max"};
  return kinds;
}

std::string BagModel::to_text() const {
  return nlohmann::json{{"kind", kind},
                        {"dimensions", dimensions},
                        {"hidden", hidden},
                        {"attention", attention},
                        {"dropout", dropout}}
      .dump();
}

BagModel BagModel::from_text(const std::string& text) {
  const auto all = nlohmann::json::parse(text);
  return {all.at("kind"), all.at("dimensions"), all.at("hidden"), all.at("attention"), all.at("dropout")};
}

BagNetwork::BagNetwork(BagModel model, std::int64_t outputs, std::uint64_t seed)
    : model_(std::move(model)), random_(std::make_shared<RandomSource>(seed)) {
  first_ = linear("attention_net.0", model_.dimensions, model_.hidden);
  if (model_.attends()) {
    const std::string attention = "attention_net.3.attention_";
    tanh_ = linear(attention + "a.0", model_.hidden, model_.attention);
    if (model_.kind != "attention") gate_ = linear(attention + "b.0", model_.hidden, model_.attention);
    score_ = linear(attention + "c", model_.attention, 1);
  }
  head_ = linear("classifiers", model_.hidden, outputs);
  if (model_.kind == "clam_sb")
    for (std::int64_t i = 0; i < outputs; ++i)
      evidence_.push_back(linear(fmt::format("instance_classifiers.{}", i), model_.hidden, 2));
}

/// Registers it in the tree of modules that the name's dots make.
std::shared_ptr<Layer> BagNetwork::linear(const std::string& name, std::int64_t in, std::int64_t out) {
  auto layer = std::make_shared<Linear>(in, out, 1 / std::sqrt(static_cast<double>(in)), false, random_);
  std::shared_ptr<torch::nn::Module> parent = layers_;
  std::size_t from = 0;
  for (std::size_t dot = name.find('.'); dot != name.npos; from = dot + 1, dot = name.find('.', from)) {
    const std::string child = name.substr(from, dot - from);
    const auto children = parent->named_children();
    parent = children.contains(child) ? children[child]
                                      : parent->register_module(child, std::make_shared<torch::nn::Module>());
  }
  parent->register_module(name.substr(from), layer);
  return layer;
}

at::Tensor BagNetwork::dropped(const at::Tensor& x) const {
  if (!layers_->is_training() || model_.dropout == 0) return x;
  return drop_out(x, x.sizes(), model_.dropout, *random_);
}

BagBlock BagNetwork::embed(const at::Tensor& features) {
  BagBlock block;
  block.hidden = dropped(at::relu(first_->forward(features)));
  if (!model_.attends()) return block;
  at::Tensor gated = dropped(at::tanh(tanh_->forward(block.hidden)));
  if (gate_) gated = gated * dropped(at::sigmoid(gate_->forward(block.hidden)));
  block.scores = score_->forward(gated).squeeze(1).to(at::kFloat);
  return block;
}

at::Tensor BagNetwork::logits(const at::Tensor& pooled) const {
  return head_->forward(pooled);
}

at::Tensor BagNetwork::evidence(std::int64_t of_class, const at::Tensor& hidden) const {
  return evidence_.at(static_cast<std::size_t>(of_class))->forward(hidden);
}

at::Tensor BagNetwork::forward(const at::Tensor& features) {
  return logits(pooled(model_, embed(features)));
}

void BagNetwork::to(c10::Device device) {
  layers_->to(device);
  random_->to(device);
}

NamedTensors BagNetwork::parameters() const {
  NamedTensors out;
  for (const auto& item : layers_->named_parameters()) out.emplace_back(item.key(), item.value());
  return out;
}

}  // namespace flowrun::torch_nodes
