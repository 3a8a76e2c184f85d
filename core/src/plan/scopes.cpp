// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "plan/plan.h"

namespace flowrun {
namespace {

/// Takes the scope of its inputs: that of all streams, and of inputs with one packet per scope unless that
/// comes from the run.
void assign_scope(Plan& plan, PlanNode& node, Diagnostics& diagnostics) {
  for (const PortRef from : node.from) {
    if (from.node < 0 || plan.opener_of(from) < 0) continue;
    if (node.opener >= 0 && plan.opener_of(from) != node.opener)
      diagnostics.error(node.place,
                        fmt::format("the inputs of node '{}' belong to different sources", node.name),
                        "take all of them from nodes behind the same source");
    node.opener = plan.opener_of(from);
  }
  if (node.opener < 0) return;
  const std::string& opener = plan.at(node.opener).name;
  if (node.type->role == Role::open)
    diagnostics.error(node.place, "scopes within scopes of a source are not supported",
                      "open them from the run");
  for (std::size_t i = 0; i < node.from.size(); ++i) {
    if (node.from[i].node < 0 || plan.opener_of(node.from[i]) >= 0) continue;
    node.outer[i] = true;
    if (node.type->inputs[i].per_scope) continue;
    diagnostics.error(
        node.place,
        fmt::format(
            "input '{}' of node '{}' takes packets of the run, but its other inputs take those behind '{}'",
            node.type->inputs[i].name, node.name, opener),
        "only an input with one packet per scope may take a packet of the run");
  }
}

/// Which openers' scopes must have ended before other openers may begin theirs.
class Waiting {
 public:
  explicit Waiting(const Plan& plan) : plan_(plan), gathered_(plan.nodes.size()), before_(plan.nodes.size()) {
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const PlanNode& node = plan.nodes[i];
      for (std::size_t input = 0; input < node.from.size(); ++input) {
        if (node.from[input].node < 0) continue;
        const auto& of_input = gathered_[static_cast<std::size_t>(node.from[input].node)];
        if (node.opener < 0) gathered_[i].insert(of_input.begin(), of_input.end());
        if (node.outer[input])
          before_[static_cast<std::size_t>(node.opener)].insert(of_input.begin(), of_input.end());
      }
      if (node.type->role == Role::gather_scopes && node.opener >= 0) gathered_[i] = {node.opener};
      if (node.type->role == Role::open) before_[i].insert(gathered_[i].begin(), gathered_[i].end());
    }
  }

  /// Whether the packets of a node of the run are there only after scopes of `opener`.
  bool after(int node, int opener) const {
    std::set<int> seen;
    return leads_to(gathered_[static_cast<std::size_t>(node)], opener, seen);
  }

 private:
  bool leads_to(const std::set<int>& openers, int wanted, std::set<int>& seen) const {
    for (const int opener : openers) {
      if (opener == wanted) return true;
      if (seen.insert(opener).second && leads_to(before_[static_cast<std::size_t>(opener)], wanted, seen))
        return true;
    }
    return false;
  }

  const Plan& plan_;
  std::vector<std::set<int>> gathered_;  // by node of the run: openers of scopes that it is gathered from
  std::vector<std::set<int>> before_;    // by opener: those that must have ended
};

/// Who numbers the packets of each output, and from whose packets those are made, within the scope.
class Numbering {
 public:
  explicit Numbering(const Plan& plan) : plan_(plan), depends_on_(plan.nodes.size()) {
    for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
      const PlanNode& node = plan.nodes[i];
      std::set<int> made_of;
      int by = static_cast<int>(i);
      for (std::size_t input = 0; input < node.from.size(); ++input) {
        if (!node.is_stream(input)) continue;
        const auto before = static_cast<std::size_t>(node.from[input].node);
        made_of.insert(made_of_[before].begin(), made_of_[before].end());
        if (!node.type->renumbers() && (by == static_cast<int>(i) || is_single(by))) by = by_[before];
      }
      const Role role = node.type->role;
      const bool of_scopes = role == Role::gather_scopes && node.opener >= 0;
      gathered_.push_back(of_scopes ? gathered_[static_cast<std::size_t>(node.opener)] : made_of);
      if (role == Role::open || role == Role::gather_scopes) made_of.clear();
      if (node.type->renumbers() && role != Role::open) made_of.insert(static_cast<int>(i));
      by_.push_back(by);
      in_step_[by].insert(by);
      made_of_.push_back(std::move(made_of));
    }
    makers_of_.resize(plan.nodes.size());
    for (std::size_t i = 0; i < plan.nodes.size(); ++i)
      if (plan.nodes[i].type->renumbers())
        for (const int maker : made_of_[i])
          makers_of_[static_cast<std::size_t>(maker)].insert(static_cast<int>(i));
    while (add_dependencies()) continue;
  }

  /// Packets of one stream are joined, maybe by way of others that both are joined with, with packets made of
  /// the same stream but numbered anew: one side gets ahead of the other without end, so no memory is enough.
  void check_joins(const PlanNode& node, Diagnostics& diagnostics) {
    std::set<int> together;
    for (std::size_t input = 0; input < node.from.size(); ++input)
      if (node.is_stream(input) && !is_single(by(node.from[input].node)))
        together.merge(std::set<int>(in_step_[by(node.from[input].node)]));
    for (const int numbering : together) in_step_[numbering] = together;
    for (auto one = together.begin(); one != together.end(); ++one)
      for (auto other = together.begin(); other != one; ++other) {
        const int maker = common_maker(*one, *other);
        if (maker < 0) continue;
        return diagnostics.error(
            node.place,
            fmt::format("node '{}' joins packets that are numbered by '{}' with packets that are numbered by "
                        "'{}', and both are made of those of '{}'",
                        node.name, plan_.at(*other).name, plan_.at(*one).name, plan_.at(maker).name),
            "join packets before they are numbered anew");
      }
  }

  /// Packets wait for others that are there when all that is made of the same stream has been gathered, so no
  /// memory is enough. Needs all joins checked.
  void check_waits(const PlanNode& node, Diagnostics& diagnostics) const {
    for (std::size_t input = 0; input < node.from.size(); ++input) {
      if (!node.is_stream(input)) continue;
      const std::set<int> waiting = held_with(node.from[input].node);
      for (std::size_t other = 0; other < node.from.size(); ++other) {
        if (other == input || node.from[other].node < 0) continue;
        const int gathers = gatherer_before(node, other, node.from[input].node, waiting);
        if (gathers < 0) continue;
        return diagnostics.error(node.place,
                                 fmt::format("the packets on input '{}' of node '{}' wait for '{}', for "
                                             "which '{}' gathers all that is made "
                                             "of the same stream",
                                             node.type->inputs[input].name, node.name,
                                             node.type->inputs[other].name, plan_.at(gathers).name),
                                 "make the packets that wait by a second node");
      }
    }
  }

  int by(int node) const { return by_[static_cast<std::size_t>(node)]; }

 private:
  /// False: nothing more was found.
  bool add_dependencies() {
    std::size_t before = 0, after = 0;
    for (const auto& all : depends_on_) before += all.size();
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      const PlanNode& node = plan_.nodes[i];
      depends_on_[i].insert(made_of_[i].begin(), made_of_[i].end());
      for (std::size_t input = 0; input < node.from.size(); ++input) {
        if (node.from[input].node < 0) continue;
        const std::set<int> of_input = depends_on_[static_cast<std::size_t>(node.from[input].node)];
        depends_on_[i].insert(of_input.begin(), of_input.end());
        // Scopes are opened when the packets of the run are there that their nodes take.
        if (node.outer[input])
          depends_on_[static_cast<std::size_t>(node.opener)].insert(of_input.begin(), of_input.end());
      }
      if (node.type->role != Role::gather_scopes || node.opener < 0) continue;
      const std::set<int> of_opener = depends_on_[static_cast<std::size_t>(node.opener)];
      depends_on_[i].insert(of_opener.begin(), of_opener.end());
    }
    for (const auto& all : depends_on_) after += all.size();
    return after > before;
  }
  int common_maker(int one, int other) const {
    for (const int maker : made_of(one))
      if (made_of(other).contains(maker)) return maker;
    return -1;
  }
  /// Those whose packets wait when those of `node` do.
  std::set<int> held_with(int node) const {
    std::set<int> all = made_of(node);
    for (const int numbering : in_step_.at(by(node)))
      all.insert(made_of(numbering).begin(), made_of(numbering).end());
    return all;
  }
  /// A node that must have gathered what those make, whose packets wait with `stream`, or what is joined with
  /// it, before the packet on an input is there, or -1.
  int gatherer_before(const PlanNode& node, std::size_t input, int stream,
                      const std::set<int>& makers) const {
    const int from = node.from[input].node;
    for (const int gathers : depends_on_[static_cast<std::size_t>(from)]) {
      const Role role = plan_.at(gathers).type->role;
      if (role == Role::gather) {
        const bool is_joined =
            node.is_stream(input) && made_of(from).contains(gathers);  // that is checked already
        if (is_joined || makers.contains(gathers)) continue;
      } else if (role != Role::gather_scopes || made_of(stream).contains(gathers)) {
        continue;
      }
      const std::set<int> needed = needed_for(gathered_[static_cast<std::size_t>(gathers)]);
      if (std::any_of(needed.begin(), needed.end(), [&](int maker) { return makers.contains(maker); }))
        return gathers;
    }
    return -1;
  }
  /// All whose packets must get on until the last of those that `makers` make is gathered: what these are
  /// made of, what is made of them and holds them meanwhile, and what that is joined with.
  std::set<int> needed_for(const std::set<int>& makers) const {
    std::set<int> needed;
    std::vector<int> next(makers.begin(), makers.end());
    const auto add = [&](const std::set<int>& more) { next.insert(next.end(), more.begin(), more.end()); };
    while (!next.empty()) {
      const int maker = next.back();
      next.pop_back();
      if (!needed.insert(maker).second) continue;
      add(made_of(maker));
      add(makers_of_[static_cast<std::size_t>(maker)]);
      add(in_step_.at(by(maker)));
    }
    return needed;
  }
  /// It numbers one packet of a scope only, which opens it: others do not wait for a second one.
  bool is_single(int numbering) const { return plan_.at(numbering).type->role == Role::open; }
  const std::set<int>& made_of(int node) const { return made_of_[static_cast<std::size_t>(node)]; }
  const Plan& plan_;
  std::vector<int> by_;
  std::vector<std::set<int>> made_of_;
  std::vector<std::set<int>> makers_of_;   // by node: those that number anew what is made of its packets
  std::vector<std::set<int>> depends_on_;  // the same, and what their calls wait for
  std::vector<std::set<int>> gathered_;  // by node: whose packets come to it, or to who opens what it gathers
  std::map<int, std::set<int>> in_step_;  // by who numbers: all whose packets are joined with his
};

}  // namespace

void check_numbering(Plan& plan, Diagnostics& diagnostics) {
  Numbering numbering(plan);
  for (std::size_t i = 0; i < plan.nodes.size(); ++i)
    plan.nodes[i].numbered_by = numbering.by(static_cast<int>(i));
  for (const PlanNode& node : plan.nodes) numbering.check_joins(node, diagnostics);
  if (!diagnostics.empty()) return;
  for (const PlanNode& node : plan.nodes) numbering.check_waits(node, diagnostics);
}

int Plan::opener_of(PortRef output) const {
  const PlanNode& node = at(output.node);
  if (node.type->role == Role::open) return output.node;
  return node.type->role == Role::gather_scopes ? -1 : node.opener;
}

void assign_scopes(Plan& plan, Diagnostics& diagnostics) {
  for (PlanNode& node : plan.nodes) assign_scope(plan, node, diagnostics);
  if (!diagnostics.empty()) return;
  const Waiting waiting(plan);
  for (const PlanNode& node : plan.nodes)
    for (std::size_t i = 0; i < node.from.size(); ++i) {
      if (!node.outer[i] || !waiting.after(node.from[i].node, node.opener)) continue;
      const PlanNode& opener = plan.at(node.opener);
      diagnostics.error(node.place,
                        fmt::format("'{}' waits for '{}', which is made when every {} of '{}' has ended, but "
                                    "'{}' works within them",
                                    node.name, plan.at(node.from[i].node).name, plan.kind_of(node.opener),
                                    opener.name, node.name),
                        fmt::format("open them again for '{}' by a second node of type '{}'", node.name,
                                    opener.type->name));
    }
}

}  // namespace flowrun
