// SPDX-License-Identifier: Apache-2.0
// Which streams are numbered alike, and what would wait for itself because they are not.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include "plan/plan.h"

namespace flowrun {
namespace {

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

  /// The same by way of several joins: streams that are made of each other, or joined, form a ring, and each
  /// way around it asks for another pace. Needs all joins checked.
  void check_rings(Diagnostics& diagnostics) const {
    std::vector<int> joined_to(plan_.nodes.size());
    std::iota(joined_to.begin(), joined_to.end(), 0);
    const auto group_of = [&](int numbering) {
      int found = *in_step_.at(numbering).begin();
      while (joined_to[static_cast<std::size_t>(found)] != found)
        found = joined_to[static_cast<std::size_t>(found)];
      return found;
    };
    for (int i = 0; i < static_cast<int>(plan_.nodes.size()); ++i) {
      const int before = numbered_before(plan_.at(i));
      if (before < 0) continue;
      const int one = group_of(before), other = group_of(i);
      joined_to[static_cast<std::size_t>(one)] = other;
      if (one != other) continue;
      return diagnostics.error(
          plan_.at(i).place,
          fmt::format("what '{}' makes of the packets of '{}' is joined, by way of others, with "
                      "packets of the same stream that are numbered otherwise",
                      plan_.at(i).name, plan_.at(before).name),
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
  /// Of a node that numbers anew: who numbered the packets that it makes them of; -1: nobody, or an Open.
  int numbered_before(const PlanNode& node) const {
    const Role role = node.type->role;
    if (role != Role::make && role != Role::gather) return -1;
    for (std::size_t input = 0; input < node.from.size(); ++input)
      if (node.is_stream(input) && !is_single(by(node.from[input].node))) return by(node.from[input].node);
    return -1;
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
  if (diagnostics.empty()) numbering.check_rings(diagnostics);
  if (!diagnostics.empty()) return;
  for (const PlanNode& node : plan.nodes) numbering.check_waits(node, diagnostics);
}

}  // namespace flowrun
