// SPDX-License-Identifier: Apache-2.0
#include "shrink.h"

#include <algorithm>
#include <set>

namespace flowrun::test {
namespace {

/// Without the node and all that takes from it.
RandomGraph without_node(const RandomGraph& graph, std::size_t left_out) {
  RandomGraph out;
  out.memory_factor = graph.memory_factor;
  std::set<std::string> gone{graph.nodes[left_out].name};
  for (const RandomNode& node : graph.nodes) {
    for (const auto& [input, from] : node.from)
      if (gone.contains(from.substr(0, from.find('.')))) gone.insert(node.name);
    if (!gone.contains(node.name)) out.nodes.push_back(node);
  }
  return out;
}

template <class Change>
bool shrink_by(RandomGraph& graph, const std::function<bool(const RandomGraph&)>& fails, Change change) {
  RandomGraph smaller = change();
  if (smaller.nodes.empty() || !fails(smaller)) return false;
  graph = std::move(smaller);
  return true;
}

template <class List>
RandomGraph without(RandomGraph graph, std::size_t node, List RandomNode::*list, std::size_t item) {
  auto& items = graph.nodes[node].*list;
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(item));
  return graph;
}

bool needs(const std::string& option) {
  return option == "prefix" || option == "count" || option == "size" || option == "rest";
}

}  // namespace

RandomGraph shrunk(RandomGraph graph, const std::function<bool(const RandomGraph&)>& fails) {
  for (std::size_t i = graph.nodes.size(); i-- > 0; i = std::min(i, graph.nodes.size()))
    shrink_by(graph, fails, [&] { return without_node(graph, i); });
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (std::size_t option = graph.nodes[i].options.size(); option-- > 0;)
      if (!needs(graph.nodes[i].options[option].first))
        shrink_by(graph, fails, [&] { return without(graph, i, &RandomNode::options, option); });
    for (std::size_t input = graph.nodes[i].from.size(); input-- > 0;)
      shrink_by(graph, fails, [&] { return without(graph, i, &RandomNode::from, input); });
  }
  return graph;
}

}  // namespace flowrun::test
