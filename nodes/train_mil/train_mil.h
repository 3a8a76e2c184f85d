// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bag_options.h"
#include "nodes/mil/bags.h"

namespace flowrun::torch_nodes {

class BagTrainer;
class ModelThread;
class BagTiles;
class Ranks;

/// Trains models of slides, one a fold. See describe().
struct TrainMil : GatherScopes, BagTrainingOptions {
  TrainMil();
  ~TrainMil() override;
  std::filesystem::path dir;

  static void describe(Description<TrainMil>& d);
  void plan(Costs& costs) override;
  Action process(Inputs& in, Outputs& out) override;
  void finish(Inputs& in, Outputs& out) override;
  Packets finish_run(Inputs& in, Outputs& out) override;

 private:
  void take(const std::shared_ptr<const BagEpoch>& epoch, const Scope& scope);
  void begin(const BagEpoch& epoch);
  /// With each of the epoch's bags, read beside each other and given in their order.
  template <class Work>
  void for_each_bag(const BagEpoch& epoch, const Scope& scope, bool training, const Work& work);
  void end_of(BagTrainer& trainer) const;
  void learn(std::size_t bag, const BagTiles& tiles);
  void pass(std::size_t bag);
  /// Each rank has those of all.
  void gather_unread();

  /// Bags that are read beside each other.
  static constexpr int bags_at_once = 2;
  int threads_of_run_ = 1;
  std::shared_ptr<const BagSet> set_;
  std::shared_ptr<Ranks> ranks_;                    // from the first epoch on
  std::unique_ptr<ModelThread> model_thread_;       // with the folds
  std::vector<std::unique_ptr<BagTrainer>> folds_;  // from the first epoch on; epochs do not overlap
  std::uint64_t epoch_ = 0;
  std::set<std::string> unread_, told_;  // bags that could not be read, and why
};

}  // namespace flowrun::torch_nodes
