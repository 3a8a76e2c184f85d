// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bag_options.h"
#include "nodes/mil/bag_tiles.h"
#include "nodes/mil/bags.h"
#include "nodes/trainer/trainer.h"

namespace flowrun::torch_nodes {

/// What a model says of a slide that it was not trained with.
struct BagPrediction {
  std::size_t bag = 0;           ///< of the set
  std::vector<float> predicted;  ///< by output
  Thresholds thresholds{};       ///< by which probabilities are decided on
};

/// A model of slides in training, of one fold. A bag is a batch.
class BagTrainer final : public Trainer {
 public:
  BagTrainer(const BagTrainingOptions& options, std::shared_ptr<const BagSet> set, std::size_t fold,
             std::shared_ptr<Ranks> ranks = std::make_shared<Ranks>());

  /// What the slide is for in this fold.
  Role role(std::size_t bag) const { return set_->bags[bag].roles[fold_]; }
  /// Learns from a bag; larger than a block, it is gone through twice, and learnt from as if it were whole.
  void learn(std::size_t bag, const BagTiles& tiles);
  /// Another rank learns from it, or none does.
  void pass(std::size_t bag);
  /// All bags to learn from have been there; to be called before evaluate() and end().
  void end_learning();
  /// Lets the model say what it thinks of a bag: of validation it counts for the epoch's metrics.
  void evaluate(std::size_t bag, const BagTiles& tiles);
  /// Ends the epoch, and keeps its predictions when it is the best.
  void end();
  /// Of the best epoch so far.
  const std::vector<BagPrediction>& predictions() const { return best_; }

 private:
  std::string more_settings() const override;
  nlohmann::ordered_json trained_on() const override;
  void add_options(nlohmann::ordered_json& options) const override;
  void save_more(c10::impl::GenericDict& checkpoint) const override;
  void resume_more(const Checkpoint& checkpoint) override;
  void add_metrics(History::Row& row) const override;
  std::string why_missing(const std::string& metric) const override;
  std::string why_no_samples() const override;

  BagNetwork& bags() const { return static_cast<BagNetwork&>(network()); }
  at::Tensor targets_of(std::size_t bag) const;
  /// Its class has a weight other than 0.
  bool weighs(std::size_t bag) const;
  void gather_evaluated();
  BagBlock embedded(const at::Tensor& features);
  void learn_whole(std::size_t bag, const at::Tensor& features);
  void learn_in_blocks(std::size_t bag, const BagTiles& tiles);
  void learn_from(std::size_t bag, const at::Tensor& pooled, const at::Tensor& highest,
                  const at::Tensor& lowest);

  /// What ends the run, as gradients of the bag, or of others of its step, are in the step already.
  Error not_once_more(std::size_t bag, const UnreadBag& problem) const;

  void learn_together(std::size_t bag, const BagTiles& tiles);
  void end_joint_step();
  /// Those that are drawn of a bag to train with; nothing: all.
  std::optional<std::vector<std::uint64_t>> tiles_of_epoch(std::size_t bag) const;

  /// A bag of a step whose loss is joint: what was said of it, and with which randomness.
  struct Joint {
    std::size_t bag = 0;
    at::Tensor outputs;  // 1 x outputs, without gradients
    NamedTensors random;
  };
  /// The gradient of such a loss by what is said of the bag that is learnt from, the loss, and the bag's
  /// weight.
  struct JointNow {
    at::Tensor gradient, loss;
    double weight = 1;
  };

  BagTrainingOptions options_;
  std::shared_ptr<const BagSet> set_;
  std::size_t fold_;
  std::vector<std::size_t> evaluated_;  // bags, in the epoch under way
  std::vector<BagPrediction> best_;
  std::vector<Joint> joint_;
  JointNow joint_now_;
  std::uint64_t untaught_ = 0;  // bags in steps without a gradient, in the epoch
  bool told_untaught_ = false;
};

}  // namespace flowrun::torch_nodes
