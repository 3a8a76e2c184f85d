// SPDX-License-Identifier: Apache-2.0
#include "run/scope_run.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "output/output_folders.h"

namespace flowrun {
namespace {

std::vector<Intake::Input> inputs_of(const PlanNode& node) {
  std::vector<Intake::Input> inputs;
  for (std::size_t i = 0; i < node.from.size(); ++i)
    inputs.push_back({node.from[i].node >= 0, node.type->inputs[i].per_scope});
  return inputs;
}

bool is_ordered(const PlanNode& node) {
  return node.type->role == Role::gather || node.makes();
}

bool is_plain(const PlanNode& node) {
  return node.from.size() == 1 && !node.type->inputs[0].per_scope && !is_ordered(node);
}

/// The number of packets that the node before sent to a node's only stream of packets, or nothing when
/// several are joined.
std::optional<std::uint64_t> sent_to(const std::vector<std::unique_ptr<NodeScope>>& scope,
                                     const PlanNode& node) {
  std::optional<std::uint64_t> sent;
  for (std::size_t i = 0; i < node.from.size(); ++i) {
    if (!node.is_stream(i)) continue;
    if (sent) return {};
    const NodeScope& before = *scope[static_cast<std::size_t>(node.from[i].node)];
    sent = before.sent[static_cast<std::size_t>(node.from[i].port)];
  }
  return sent;
}

}  // namespace

std::string journal_name(const Plan& plan, int opener, const std::string& scope) {
  if (opener < 0) return scope;
  std::string node = plan.at(opener).name;
  std::replace(node.begin(), node.end(), '/', '~');  // a node of a file that the graph uses
  return node + "." + scope;
}

NodeScope::NodeScope(const PlanNode& planned, ScopeRun& run, Counts& total)
    : scope(run),
      node(planned.name),
      plain(is_plain(planned)),
      intake(inputs_of(planned), is_ordered(planned)),
      gathered(planned.costs.holds * planned.streams()),
      sent(planned.to.size()) {
  counts.total = &total;
}

const std::string& NodeScope::kind() const {
  return scope.kind();
}
const std::string& NodeScope::name() const {
  return scope.name();
}
bool NodeScope::failed() const {
  return scope.failed();
}
std::filesystem::path NodeScope::stage(const std::filesystem::path& output_folder,
                                       const std::filesystem::path& unit) const {
  return staged(output_folder, unit, false);
}
std::filesystem::path NodeScope::hand_on(const std::filesystem::path& output_folder,
                                         const std::filesystem::path& unit) const {
  return staged(output_folder, unit, true);
}

std::filesystem::path NodeScope::staged(const std::filesystem::path& output_folder,
                                        const std::filesystem::path& unit, bool handed_on) const {
  if (!scope.all_folders) {
    std::filesystem::create_directories((output_folder / unit).parent_path());
    return output_folder / unit;
  }
  OutputFolder& folder = scope.all_folders->at(output_folder);
  return handed_on ? folder.hand_on(scope.journal_name(), unit, node)
                   : folder.stage(scope.journal_name(), unit, node);
}

ScopeRun::ScopeRun(const Plan& plan, int opener, std::string name, std::uint64_t age,
                   std::vector<OutputFolder*> folders, std::deque<Counts>& totals)
    : kind_(plan.kind_of(opener)),
      name_(std::move(name)),
      journal_name_(flowrun::journal_name(plan, opener, name_)),
      opener_(opener),
      age_(age),
      folders_(std::move(folders)),
      nodes_(plan.nodes.size()) {
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const PlanNode& node = plan.nodes[i];
    const bool takes_part = opener < 0 || node.opener == opener;
    if (!takes_part && static_cast<int>(i) != opener) continue;
    nodes_[i] = std::make_unique<NodeScope>(node, *this, totals[i]);
    if (!takes_part) continue;
    ++unfinished;
    for (const PortRef from : node.from) nodes_[i]->pending += from.node >= 0;
    if (opener < 0 && node.begins()) nodes_[i]->pending += 1;
  }
}

std::map<std::string, ScopeCounts> ScopeRun::counts(const Plan& plan) const {
  std::map<std::string, ScopeCounts> out;
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i]) out[plan.nodes[i].name] = nodes_[i]->counts.get();
  return out;
}

nlohmann::json ScopeRun::reported(const Plan& plan) const {
  nlohmann::json out = nlohmann::json::object();
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i] && !nodes_[i]->reported.empty()) out[plan.nodes[i].name] = nodes_[i]->reported.json();
  return out;
}

std::string ScopeRun::broken_sum(const Plan& plan) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i] || static_cast<int>(i) == opener_) continue;
    const PlanNode& node = plan.nodes[i];
    const Counts& counts = nodes_[i]->counts;
    if (counts.in != counts.out + counts.dropped + counts.failed)
      return fmt::format("node '{}' got {} packets, but {} went on, {} were dropped and {} failed", node.name,
                         counts.in.load(), counts.out.load(), counts.dropped.load(), counts.failed.load());
    if (node.type->role == Role::make || is_run()) continue;
    const auto sent = sent_to(nodes_, node);
    if (sent && *sent != counts.in)
      return fmt::format("node '{}' got {} of the {} packets that were sent to it", node.name,
                         counts.in.load(), *sent);
  }
  return {};
}

}  // namespace flowrun
