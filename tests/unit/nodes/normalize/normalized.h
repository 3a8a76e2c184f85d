// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/testing.h>

#include <opencv2/core.hpp>
#include <string>
#include <utility>

#include "nodes/normalize/normalize.h"

namespace flowrun::test {

inline wsi::Tile tile_of(cv::Mat pixels) {
  wsi::Tile tile;
  tile.pixels = std::move(pixels);
  tile.extent = tile.pixels.cols;
  tile.untouched = true;
  return tile;
}

inline wsi::Normalize of_tiles(const std::string& method = "macenko") {
  wsi::Normalize options;
  options.method = method;
  options.scope = "tile";
  return options;
}

template <class Prepare>
const wsi::Tile& normalized(testing::NodeRunner<wsi::Normalize>& runner, wsi::Normalize options,
                            Prepare prepare) {
  runner.node() = std::move(options);
  Costs costs;
  for (const auto& port : runner.type().inputs) costs.inputs[port.name] = 1;
  runner.node().plan(costs);
  prepare(runner);
  runner.process();
  return runner.output<wsi::Tile>("tile");
}

inline wsi::Tile normalized(const wsi::Normalize& options, cv::Mat pixels) {
  testing::NodeRunner<wsi::Normalize> runner;
  return normalized(runner, options, [&](auto& r) { r.input("tile", tile_of(std::move(pixels))); });
}

}  // namespace flowrun::test
