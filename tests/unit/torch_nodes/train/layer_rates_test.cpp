// SPDX-License-Identifier: Apache-2.0
#include "nodes/train/layer_rates.h"

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <map>

using namespace flowrun::torch_nodes;

namespace {

std::map<std::string, double> rates(const std::string& architecture) {
  const auto network = make_network(architecture, 2);
  const std::vector<double> rates = layer_rates(*network, 0.5);
  std::map<std::string, double> by_name;
  for (std::size_t i = 0; i < rates.size(); ++i) by_name[network->parameters()[i].first] = rates[i];
  return by_name;
}

}  // namespace

TEST_CASE("blocks of layers learn less the nearer they are to the image") {
  // Blocks by table 1 of He et al. 2015: 3 + 4 + 6 + 3, and of Tan and Le 2019: 1 + 2 + 2 + 3 + 3 + 4 + 1.
  auto resnet = rates("resnet50");
  CHECK(resnet.at("conv1.weight") == 1.0 / 131072);
  CHECK(resnet.at("bn1.bias") == 1.0 / 131072);
  CHECK(resnet.at("layer1.0.conv1.weight") == 1.0 / 65536);
  CHECK(resnet.at("layer1.0.downsample.1.bias") == 1.0 / 65536);
  CHECK(resnet.at("layer2.0.bn3.weight") == 1.0 / 8192);
  CHECK(resnet.at("layer4.2.conv3.weight") == 0.5);
  CHECK(resnet.at("fc.bias") == 1);
  auto efficient = rates("efficientnet_b0");
  CHECK(efficient.at("features.0.0.weight") == 1.0 / 131072);
  CHECK(efficient.at("features.0.1.bias") == 1.0 / 131072);
  CHECK(efficient.at("features.1.0.block.0.0.weight") == 1.0 / 65536);
  CHECK(efficient.at("features.2.1.block.3.1.weight") == 1.0 / 16384);
  CHECK(efficient.at("features.7.0.block.0.0.weight") == 0.5);
  CHECK(efficient.at("features.8.1.weight") == 0.5);
  CHECK(efficient.at("classifier.1.weight") == 1);
}
