// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace flowrun::test {

struct RandomNode {
  std::string name, type;
  std::vector<std::pair<std::string, std::string>> options;
  std::vector<std::pair<std::string, std::string>> from;  ///< input, "node.port"
};

/// A graph that may have mistakes of two kinds only: it joins what cannot be joined, or lets something wait
/// for itself.
struct RandomGraph {
  std::vector<RandomNode> nodes;
  double memory_factor = 1;  ///< of the least that it needs
  std::string text() const;
};

RandomGraph random_graph(std::uint64_t seed);

}  // namespace flowrun::test
