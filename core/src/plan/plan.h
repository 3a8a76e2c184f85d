// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/node.h>

#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "graph/diagnostics.h"
#include "graph/graph_file.h"
#include "plan/machine.h"
#include "plugin/plugins.h"

namespace flowrun {

/// What to do when a call of a node throws.
enum class OnError {
  stop,  ///< end the run
  skip,  ///< leave the packet out, count and report it
  fail,  ///< give up the scope (the slide); the others go on
};

struct PortRef {
  int node = -1;
  int port = -1;
};

/// A node of a checked graph. Nodes are numbered in topological order.
struct PlanNode {
  std::string name;
  Place place;
  const NodeType* type = nullptr;
  std::unique_ptr<Node> node;  ///< options set
  int workers = 0;             ///< most calls at once; 0: as many as there are threads
  OnError on_error = OnError::fail;
  std::vector<PortRef> from;             ///< by input; node -1: unconnected
  std::vector<std::vector<PortRef>> to;  ///< by output: the inputs that it feeds
  std::vector<bool> outer;               ///< by input: takes a packet of the run into the node's scopes
  int opener = -1;                       ///< the Open whose scopes its packets belong to; -1: the run
  int numbered_by = -1;                  ///< the node that numbers its packets
  bool wants_tombstones = false;         ///< it, or a node after it, must know what will not come
  Costs costs;                           ///< bytes of a packet on each port, scratch, packets held
  std::vector<std::size_t> way;          ///< by output: peak bytes of a packet up to the next leases
  std::vector<std::size_t> beside;       ///< the same besides the packet itself, where others hold that, too
  // Of a node that takes leases: one that makes or opens, that asks for bytes, or that emits at the end.
  std::size_t lease = 0;                          ///< the most bytes that one packet needs
  std::size_t slots = 0;                          ///< leases that must be possible at once; 0: it takes none
  std::set<int> gatherers;                        ///< the first nodes on each way that gather what it emits
  std::set<std::pair<int, int>> kept_for_scopes;  ///< numbering and node of packets that a whole scope sees
  std::size_t gathers_after = 1;                  ///< packets that make one of what the nodes after it gather
  std::size_t beyond = 0;        ///< of one that asks for bytes: what comes to that after the call
  std::size_t finish_lease = 0;  ///< bytes leased for the call at the end of a scope, and of the run
  nlohmann::json options;        ///< as given, for the journal
  std::map<std::string, Place> option_places;
  std::vector<std::filesystem::path> output_folders;  ///< that it writes to

  /// Nothing feeds it: it begins with the run.
  bool begins() const;
  /// Packets come into being in it, one after the other: a Make or an Open.
  bool makes() const { return type->role == Role::make || type->role == Role::open; }
  /// The input is connected and takes more than one packet a scope.
  bool is_stream(std::size_t input) const { return from[input].node >= 0 && !type->inputs[input].per_scope; }
  std::size_t streams() const;
  /// Bytes that are kept free for it, so that it always gets on.
  std::size_t need() const;
};

/// A checked graph: whatever can be known before anything runs is known, and right.
struct Plan {
  std::string name;
  std::string file;
  std::size_t memory = 0;
  std::map<std::string, std::size_t> device_memory;  ///< by device that a node computes on: what all may take
  int threads = 1;
  int scopes_in_flight = 1;  ///< scopes that one opener may have open at once
  std::vector<PlanNode> nodes;
  std::vector<std::filesystem::path> output_folders;  ///< of all nodes, each once
  std::vector<std::string> notes;  ///< not wrong, but worth saying: an output that nobody takes

  std::size_t kept_by_run() const;  ///< bytes leased for the whole run
  std::size_t needed() const;       ///< the least memory with which it gets on
  const PlanNode& at(int node) const { return nodes[static_cast<std::size_t>(node)]; }
  PlanNode& at(int node) { return nodes[static_cast<std::size_t>(node)]; }
  /// What the scopes of an opener are called ("slide"); of -1: "run".
  std::string kind_of(int opener) const;
  /// The Open to whose scopes packets of an output belong; -1: the run.
  int opener_of(PortRef output) const;
  /// A digest of all that decides what comes out of the scopes of an opener (-1: of the run): types of their
  /// nodes and of those before them, their versions, options, edges.
  std::string recipe(int opener) const;
  /// By node: whether it is one of these.
  std::vector<bool> deciding(int opener) const;
};

struct PlanOptions {
  std::vector<std::filesystem::path> plugin_folders;  ///< searched before all others
  Settings settings;
  std::optional<std::string> memory;  ///< instead of the graph's
  std::optional<int> threads;         ///< instead of the graph's
  Machine machine = this_machine();   ///< where it is to run
};

/// A plan together with the plugins that its nodes live in.
struct LoadedPlan {
  std::unique_ptr<Plugins> plugins;
  Plan plan;
};

/// A graph that cannot run; what() is the rendered list of all mistakes.
class GraphError : public Error {
 public:
  GraphError(std::string rendered, std::vector<Diagnostic> all)
      : Error(std::move(rendered)), diagnostics(std::move(all)) {}
  std::vector<Diagnostic> diagnostics;
};

/// Reads and checks a graph file. Throws GraphError with every mistake found, Error when the file cannot be
/// read.
LoadedPlan load_plan(const std::filesystem::path& file, const PlanOptions& options);
/// The same from text; `file` is for messages, its folder for relative paths.
LoadedPlan load_plan_text(const std::string& text, const std::filesystem::path& file,
                          const PlanOptions& options);

/// The plan in words: nodes, edges, bytes per packet, packets that fit.
std::string describe_plan(const Plan& plan);

// The parts of planning, in nodes.cpp, scopes.cpp, numbering.cpp, costs.cpp, needs.cpp
// and device_memory.cpp.

/// Resolves types, options and edges of `graph` into plan.nodes.
void resolve_nodes(const GraphFile& graph, Plugins& plugins, Plan& plan, Diagnostics& diagnostics);
/// Gives each node the scopes that its packets belong to.
void assign_scopes(Plan& plan, Diagnostics& diagnostics);
/// Finds who numbers packets, and checks that those that are joined can be. Needs what nodes hold.
void check_numbering(Plan& plan, Diagnostics& diagnostics);
/// Works out what packets cost and whether the budget can feed every node. Needs resolved nodes.
void work_out_costs(Plan& plan, Place memory_place, Diagnostics& diagnostics);
/// Works out the leases of all nodes. Needs what packets on each port take.
void work_out_leases(Plan& plan);
/// Refuses a budget that cannot feed every node. Needs costs; of a plan that it refuses they are others after
/// it.
void check_budget(Plan& plan, Place place, Diagnostics& diagnostics);
/// A round figure at or above `bytes`, for "raise memory to".
std::string round_up(std::size_t bytes);
/// Finds what nodes may take of devices' own memory, as the graph says it (null: all that is free), and
/// refuses what cannot fit. Needs costs.
void check_device_memory(Plan& plan, const Value& given, Diagnostics& diagnostics);
/// What nodes take of devices' own memory, a line for each device.
std::string describe_device_memory(const Plan& plan);
/// Works out the costs if a node that gathers took `count` packets at a time, as many as it does or fewer.
/// False when a node refuses that. Needs costs.
bool gather_fewer(Plan& plan, int gatherer, std::size_t count);

}  // namespace flowrun
