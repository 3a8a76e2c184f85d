// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::torch_nodes {

/// Gives tiles what a model predicts. See describe().
struct Predict : Map {
  Predict();
  ~Predict() override;
  std::optional<std::filesystem::path> model;
  std::vector<std::string> classes;
  std::string output = "auto";
  std::optional<std::string> task;
  std::string device = "auto";

  static void describe(Description<Predict>& d);
  void plan(Costs& costs) override;
  std::map<std::string, std::string> depends_on(const std::string& slide) const override;
  void process(Inputs& in, Outputs& out) override;

 private:
  struct Loaded;
  const Loaded& loaded(const Inputs& in);

  std::unique_ptr<const Loaded> loaded_;  // by plan(), or of the graph's model with the first tile
  std::once_flag first_tile_;
};

}  // namespace flowrun::torch_nodes
