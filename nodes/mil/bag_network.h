// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/network.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nodes/torch/layers.h"
#include "nodes/torch/random_source.h"

namespace flowrun::torch_nodes {

/// A model of slides: how it is built.
struct BagModel {
  /// attention, gated_attention (Ilse et al. 2018), clam_sb (Lu et al. 2021: gated attention, and classifiers
  /// of single tiles while it is trained), mean or max (of tiles, number by number).
  std::string kind = "gated_attention";
  std::int64_t dimensions = 0;   ///< numbers a tile
  std::int64_t hidden = 512;     ///< that a first layer makes of them
  std::int64_t attention = 256;  ///< of the layer that attention is made of
  double dropout = 0.25;         ///< share

  bool attends() const { return kind != "mean" && kind != "max"; }
  std::string to_text() const;
  /// Throws when it is none.
  static BagModel from_text(const std::string& text);
};
/// Its kinds, as options call them.
const std::vector<std::string>& bag_models();

/// Some tiles of a bag within a model.
struct BagBlock {
  at::Tensor hidden;  ///< tiles x hidden
  at::Tensor scores;  ///< tiles: what the softmax over the bag makes attention of; undefined where the model
                      ///< has none
};

/// A network whose input is a bag (float32, tiles x dimensions), or blocks of it. Parameters have the names
/// that CLAM's CLAM_SB gives them (attention_net.0, attention_net.3.attention_a.0, ..., classifiers,
/// instance_classifiers). First weights are drawn as torch.nn.Linear draws them.
class BagNetwork final : public Network {
 public:
  BagNetwork(BagModel model, std::int64_t outputs, std::uint64_t seed);

  const BagModel& model() const { return model_; }
  /// Tile by tile; in training with dropout.
  BagBlock embed(const at::Tensor& features);
  /// Outputs (1 x outputs) of what is pooled (1 x hidden) of the bag's hidden tiles.
  at::Tensor logits(const at::Tensor& pooled) const;
  /// Of clam_sb: for tiles (tiles x hidden) the logits of being no evidence for a class, and of being
  /// evidence.
  at::Tensor evidence(std::int64_t of_class, const at::Tensor& hidden) const;
  /// Of a whole bag: 1 x outputs.
  at::Tensor forward(const at::Tensor& features) override;

  void train(bool on) override { layers_->train(on); }
  void to(c10::Device device) override;
  NamedTensors parameters() const override;
  NamedTensors buffers() const override { return {}; }
  NamedTensors random_state() const override { return random_->state(); }
  void restore_random(const std::map<std::string, at::Tensor>& state) override { random_->restore(state); }
  RandomSource& random() { return *random_; }

 private:
  std::shared_ptr<Layer> linear(const std::string& name, std::int64_t in, std::int64_t out);
  at::Tensor dropped(const at::Tensor& x) const;

  BagModel model_;
  Randomness random_;
  std::shared_ptr<torch::nn::Module> layers_ = std::make_shared<torch::nn::Module>();
  std::shared_ptr<Layer> first_, tanh_, gate_, score_, head_;
  std::vector<std::shared_ptr<Layer>> evidence_;
};

}  // namespace flowrun::torch_nodes
