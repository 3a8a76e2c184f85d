// SPDX-License-Identifier: Apache-2.0
#include "layer_rates.h"

#include <cmath>
#include <string>

namespace flowrun::torch_nodes {
namespace {

/// The block that a parameter is of, as torchvision calls it: layer1.0 of ResNets, features.1.0 (that is
/// before .block) of EfficientNets; empty: of none.
std::string block_of(const std::string& name) {
  if (name.starts_with("layer")) return name.substr(0, name.find('.', name.find('.') + 1));
  const auto end = name.find(".block.");
  return end == std::string::npos ? "" : name.substr(0, end);
}

}  // namespace

std::vector<double> layer_rates(const Network& network, double decay) {
  std::vector<int> depths;
  std::string block;
  int depth = 0;
  for (const auto& [name, tensor] : network.parameters()) {
    if (const std::string now = block_of(name); !now.empty() && now != block) {
      block = now;
      ++depth;
    }
    depths.push_back(name.starts_with(network.head()) ? depth + 1 : depth);
  }
  std::vector<double> rates;
  for (const int at : depths) rates.push_back(std::pow(decay, depth + 1 - at));
  return rates;
}

}  // namespace flowrun::torch_nodes
