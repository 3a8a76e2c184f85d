// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/testing.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "plan/plan.h"

namespace flowrun::testing {

/// The plan in which one node is tested: a node that opens the scope, one that feeds each input, the node
/// itself, one that collects from each output. Nothing in it is short of memory.
struct PlanAround {
  /// `connected`: by input, whether it is. `of_run`: the scope is not opened, and the node finishes the run.
  /// `kind`, `scope`: of the scope. `emitted`: takes what the node emits.
  PlanAround(const NodeType& type, std::unique_ptr<Node> node, const std::vector<bool>& connected,
             bool of_run, const std::string& kind, const std::string& scope, std::vector<Emitted>& emitted);

  /// The number of the node that feeds an input.
  static int feed(std::size_t input) { return 1 + static_cast<int>(input); }
  PlanNode& node() { return plan.at(number); }

  const int number;   ///< of the tested node
  const bool in_run;  ///< it is fed in the run: it opens scopes, or begins by itself
  Plan plan;

 private:
  PlanNode& add(NodeType type, std::unique_ptr<Node> made, int opener);
  void connect(int from, int port, int to, int input);
  void add_feeds(const NodeType& tested);
  void add_node(NodeType tested, std::unique_ptr<Node> made, const std::vector<bool>& connected, bool of_run);
  void add_sinks(const NodeType& tested, std::vector<Emitted>& emitted);

  std::deque<NodeType> types_;
};

}  // namespace flowrun::testing
