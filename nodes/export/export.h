// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <optional>

namespace flowrun::torch_nodes {

struct Model;

/// Writes a model for Python. See describe().
struct Export : Map {
  std::optional<std::filesystem::path> checkpoint;
  std::filesystem::path dir;

  static void describe(Description<Export>& d);
  void plan(Costs& costs) override;
  void process(Inputs& in, Outputs& out) override;
  void finish(Inputs& in, Outputs& out) override;

 private:
  void write(const Scope& scope, const Model& model) const;
};

}  // namespace flowrun::torch_nodes
