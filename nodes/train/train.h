// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "image_options.h"
#include "step_memory.h"

namespace flowrun::torch_nodes {

class Network;
class ImageTrainer;
class ModelThread;
class Ranks;
struct Batch;

/// Trains a classifier. See describe().
struct Train : GatherScopes, ImageTrainingOptions {
  Train();
  ~Train() override;
  std::filesystem::path dir;

  static void describe(Description<Train>& d);
  void plan(Costs& costs) override;
  std::map<std::string, std::string> depends_on(const std::string& epoch) const override;
  Action process(Inputs& in, Outputs& out) override;
  void finish(Inputs& in, Outputs& out) override;
  Packets finish_run(Inputs& in, Outputs& out) override;

 private:
  void begin(const Batch& batch);
  void take(const Batch& batch);
  /// Of several ranks.
  void check_for_ranks(const Batch& batch) const;
  bool is_first_rank() const;
  void check_passes_one(std::uint64_t folds) const;
  void end_epoch(Inputs& in, Outputs& out);
  void write_metrics(const Scope& epoch, Outputs& out);
  /// In `dir`, of a fold's files; empty where there are no folds.
  std::filesystem::path folder(std::uint64_t fold) const;
  int model_threads() const;
  ModelThread& model_thread();
  /// What is known of the model before the run.
  struct Planned {
    std::size_t weights = 0;  ///< bytes that are learnt
    std::size_t code = 0;     ///< bytes
    std::optional<StepMemory> step;
  };
  void check_options() const;
  std::unique_ptr<Network> planned_network() const;
  std::size_t bytes_of_optimizer() const;
  std::size_t bytes_of_weights() const;
  std::size_t bytes_of_training(std::int64_t images) const;
  std::optional<StepMemory> measured(Network& network, std::int64_t side) const;

  int threads_of_run_ = 1;
  std::optional<Planned> planned_;
  std::unique_ptr<ModelThread> model_thread_;     // with the trainer
  std::shared_ptr<Ranks> ranks_;                  // from the first batch on
  std::unique_ptr<ImageTrainer> trainer_;         // from the first batch on; epochs do not overlap
  bool passes_on_ = false;                        // somebody takes the model
  std::uint64_t fold_ = 0, folds_ = 0;            // of what the trainer trains
  std::shared_ptr<const std::stop_source> over_;  // of the fold; null without folds
  bool is_last_ = false;                          // the epoch under way
  bool told_of_draws_ = false;                    // that they are not of patients
  double busy_seconds_ = 0, waiting_seconds_ = 0;
  std::uint64_t images_ = 0;
  std::chrono::steady_clock::time_point idle_since_{};
};

}  // namespace flowrun::torch_nodes
