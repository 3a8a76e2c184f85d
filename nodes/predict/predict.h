// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>
#include <flowrun/wsi/tile.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "nodes/torch/device.h"
#include "nodes/torch/resolution.h"
#include "predictor.h"

namespace flowrun::torch_nodes {

/// Gives tiles what a model predicts. See describe().
struct Predict : Gather {
  std::optional<std::filesystem::path> model;
  std::vector<std::string> classes;
  std::string output = "auto";
  std::optional<std::string> task;
  std::optional<double> mpp;
  double mpp_tolerance = usual_mpp_tolerance;
  std::string test_time_augmentation = "none";
  std::int64_t batch = 64;
  std::string precision = "fp32";
  std::string device = "auto";

  static void describe(Description<Predict>& d);
  void plan(Costs& costs) override;
  std::map<std::string, std::string> depends_on(const std::string& slide) const override;
  void process(Inputs& in, Outputs& out) override;
  Packets finish(Inputs& in, Outputs& out) override;

 private:
  struct Gathered;
  struct Predicted;
  void check_options(const Costs& costs) const;
  std::unique_ptr<const Predictor> loaded(Model of, Computing with) const;
  const Predictor& predictor(const Inputs& in);
  void check(const wsi::Tile& tile, const Gathered& gathered) const;
  void predict(const Predictor& with, Gathered& gathered, const Scope& scope) const;
  void emit(const Predicted& one, Outputs& out) const;

  std::unique_ptr<const Predictor> predictor_;  // by plan(), or of the graph's model with the first tile
  std::once_flag first_tile_;
  int threads_at_once_ = 1;  // for a slide
};

}  // namespace flowrun::torch_nodes
