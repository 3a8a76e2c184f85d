// SPDX-License-Identifier: Apache-2.0
#include "run/scope_run.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>

#include "output/publication.h"

namespace flowrun {
namespace {

std::vector<Intake::Input> inputs_of(const PlanNode& node) {
  std::vector<Intake::Input> inputs;
  for (std::size_t i = 0; i < node.from.size(); ++i)
    inputs.push_back({node.from[i].node >= 0, node.type->inputs[i].per_scope});
  return inputs;
}

bool is_plain(const PlanNode& node) {
  return node.from.size() == 1 && !node.type->inputs[0].per_scope && !node.type->ordered &&
         !node.type->source;
}

std::string kind_of(const Plan& plan, int opener) {
  if (opener < 0) return "run";
  return plan.nodes[static_cast<std::size_t>(opener)].type->outputs.front().name;
}

/// The number of packets that the node before sent to a node's only stream of packets, or nothing when
/// several are joined.
std::optional<std::uint64_t> sent_to(ScopeRun& scope, const PlanNode& node) {
  std::optional<std::uint64_t> sent;
  for (std::size_t i = 0; i < node.from.size(); ++i) {
    if (node.from[i].node < 0 || node.type->inputs[i].per_scope) continue;
    if (sent) return {};
    sent = scope.at(node.from[i].node).sent[static_cast<std::size_t>(node.from[i].port)];
  }
  return sent;
}

}  // namespace

std::string journal_name(const Plan& plan, int opener, const std::string& scope) {
  if (opener < 0) return scope;
  std::string node = plan.nodes[static_cast<std::size_t>(opener)].name;
  std::replace(node.begin(), node.end(), '/', '~');  // a node of a file that the graph uses
  return node + "." + scope;
}

NodeScope::NodeScope(const PlanNode& node)
    : plain(is_plain(node)),
      intake(inputs_of(node), node.type->ordered || node.type->source),
      sent(node.to.size()) {}

ScopeRun::ScopeRun(const Plan& plan, int opener, std::string name, std::uint64_t age,
                   OutputFolders& folders)
    : kind_(kind_of(plan, opener)),
      name_(std::move(name)),
      folder_name_(journal_name(plan, opener, name_)),
      opener_(opener),
      age_(age),
      folders_(folders),
      nodes_(plan.nodes.size()) {
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const PlanNode& node = plan.nodes[i];
    const bool takes_part = opener < 0 || node.opener == opener;
    if (!takes_part && static_cast<int>(i) != opener) continue;
    nodes_[i] = std::make_unique<NodeScope>(node);
    if (!takes_part) continue;
    ++unfinished;
    if (opener >= 0 && (node.type->leases || node.type->source)) ++unsettled;
    for (const PortRef from : node.from) nodes_[i]->pending += from.node >= 0;
    if (opener < 0 && node.begins()) nodes_[i]->pending += 1;
  }
}

std::filesystem::path ScopeRun::stage(const std::filesystem::path& output_folder,
                                      const std::filesystem::path& unit) const {
  return folder_at(output_folder).stage(folder_name_, unit, "");
}

std::filesystem::path ScopeRun::hand_on(const std::filesystem::path& output_folder,
                                        const std::filesystem::path& unit) const {
  return folder_at(output_folder).hand_on(folder_name_, unit, "");
}

OutputFolder& ScopeRun::folder_at(const std::filesystem::path& path) const {
  return folders_.at(path);
}

void ScopeRun::publish(const nlohmann::json& entry) {
  // A slide is done even when nothing was written for it; of the run itself only outputs are kept.
  Publication publication{folder_name_, {}, entry};
  for (OutputFolder& folder : folders_)
    if (!is_run() || folder.has_staged(folder_name_)) publication.folders.push_back(&folder);
  for (const auto& error : flowrun::publish({publication}))
    if (error) std::rethrow_exception(error);
}

void ScopeRun::discard() {
  for (OutputFolder& folder : folders_) folder.discard(folder_name_);
}

nlohmann::json ScopeRun::counts(const Plan& plan) {
  nlohmann::json out = nlohmann::json::object();
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i]) continue;
    const auto notes = nodes_[i]->notes.counts();
    if (!notes.empty()) out[plan.nodes[i].name]["notes"] = notes;
    if (static_cast<int>(i) == opener_) continue;
    const Counts& counts = nodes_[i]->counts;
    nlohmann::json& node = out[plan.nodes[i].name];
    node["in"] = counts.in.load();
    node["out"] = counts.out.load();
    node["dropped"] = counts.dropped.load();
    node["failed"] = counts.failed.load();
    if (const auto reasons = counts.reasons.counts(); !reasons.empty()) node["reasons"] = reasons;
  }
  return out;
}

std::string ScopeRun::broken_sum(const Plan& plan) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i] || static_cast<int>(i) == opener_) continue;
    const PlanNode& node = plan.nodes[i];
    const Counts& counts = nodes_[i]->counts;
    if (counts.in != counts.out + counts.dropped + counts.failed)
      return fmt::format("node '{}' got {} packets, but {} went on, {} were dropped and {} failed", node.name,
                         counts.in.load(), counts.out.load(), counts.dropped.load(), counts.failed.load());
    if (node.type->source || is_run()) continue;
    const auto sent = sent_to(*this, node);
    if (sent && *sent != counts.in)
      return fmt::format("node '{}' got {} of the {} packets that were sent to it", node.name,
                         counts.in.load(), *sent);
  }
  return {};
}

}  // namespace flowrun
