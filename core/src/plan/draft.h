// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "plan/plan.h"

// Between a graph file and the plan: what nodes.cpp, connections.cpp and edges.cpp share.
namespace flowrun {

/// What a `from` says: an input takes the output "node" or "node.port".
struct Connection {
  int input = -1;  ///< number of the node's input
  std::string from;
  Place place;
};

/// A graph file in its place: the graph itself, or one that an entry of another file's `nodes:` uses.
struct Level {
  const GraphFile* graph = nullptr;
  const Level* outer = nullptr;            ///< the file that uses it
  std::string prefix;                      ///< of the names of its nodes: "tissue/"
  std::map<std::string, Connection> from;  ///< what its inputs take, in `outer`
  std::map<std::string, const Level*> uses;
};

/// A node on its way into the plan: what its entry says and whether it is fit to be planned.
struct Draft {
  const GraphFile::NodeEntry* entry = nullptr;
  const Level* level = nullptr;
  PlanNode node;
  std::vector<Connection> connections;
  std::vector<int> upstream;
};

struct Drafts {
  std::deque<Level> levels;  ///< the graph itself first
  std::vector<Draft> nodes;
};

/// Names of the inputs of a file.
std::vector<std::string> input_names(const GraphFile& graph);
/// Reads what the inputs of a node, or of a file that is used, are connected to.
void collect_connections(Draft& draft, Diagnostics& diagnostics);
void collect_connections(Level& level, const GraphFile::Use& use, Diagnostics& diagnostics);
/// Connects all drafts and moves them into the plan, each after all that it takes from.
void connect_drafts(Drafts& drafts, Plan& plan, Diagnostics& diagnostics);

}  // namespace flowrun
