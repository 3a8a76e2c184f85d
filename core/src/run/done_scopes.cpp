// SPDX-License-Identifier: Apache-2.0
#include "run/done_scopes.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <utility>

#include "output/files.h"
#include "output/names.h"
#include "output/output_folder.h"

namespace flowrun {
namespace {

/// What gathers from the opener's scopes has by itself, or in the first folder, what it needs of this one.
bool is_known(const RunState& state, int opener, const std::string& scope) {
  const std::filesystem::path folder = state.nodes[static_cast<std::size_t>(opener)].folders.front()->path();
  return std::all_of(state.nodes.begin(), state.nodes.end(), [&](const NodeRun& node) {
    const NodeType& type = *node.plan->type;
    return node.plan->opener != opener || type.role != Role::gather_scopes || type.resumes ||
           stands(folder / kept_unit(node.plan->name, scope));
  });
}

std::string kept(RunState& state, int node, const std::string& scope) {
  const PlanNode& plan = state.plan_of(node);
  NodeRun& opener = state.at(plan.opener);
  std::optional<std::string> found;
  if (opener.folders.empty()) {
    std::scoped_lock lock(opener.mutex);
    const auto& all = state.at(node).kept;
    if (const auto in_memory = all.find(scope); in_memory != all.end()) found = in_memory->second;
  } else {
    found = read_text(opener.folders.front()->path() / kept_unit(plan.name, scope));
  }
  if (!found) throw std::logic_error(fmt::format("node '{}' kept nothing of '{}'", plan.name, scope));
  return *std::move(found);
}

}  // namespace

bool is_done_before(RunState& state, int opener, const NewScope& spec) {
  NodeRun& node = state.at(opener);
  const bool anew = state.options.force && !node.before_training;  // ranks only train
  if (anew || node.folders.empty() || node.redoing) return false;
  const std::string name = journal_name(state.plan, opener, spec.name);
  bool last = false;
  for (const OutputFolder* folder : node.folders) {
    const nlohmann::json entry = folder->entry(name);
    if (!entry.is_object() || entry.value("recipe", nlohmann::json()) != node.recipe ||
        entry.value("input", nlohmann::json()) != nlohmann::json(spec.identity))
      return false;
    last |= entry.value("last", false);
  }
  if (!is_known(state, opener, spec.name)) return false;
  if (last) node.ended = true;
  return true;
}

void keep(RunState& state, const ScopeRun& scope, int node, std::string bytes) {
  const PlanNode& plan = state.plan_of(node);
  if (scope.is_run() || plan.type->role != Role::gather_scopes)
    throw std::logic_error("only a node that gathers scopes keeps something of them");
  if (scope.failed()) return;
  if (scope.folders().empty()) {
    std::scoped_lock lock(state.at(plan.opener).mutex);
    state.at(node).kept[scope.name()] = std::move(bytes);
    return;
  }
  const std::string unit = kept_unit(plan.name, scope.name());
  write_unsynced(scope.folders().front()->stage(scope.journal_name(), unit, plan.name), bytes);
}

DoneScopes done_scopes(RunState& state, int node) {
  DoneScopes done;
  done.kept = [&state, node](const std::string& scope) { return kept(state, node, scope); };
  const int opener = state.plan_of(node).opener;
  if (opener < 0) return done;
  std::scoped_lock lock(state.at(opener).mutex);
  for (const auto& [name, is_done] : state.at(opener).scopes)
    if (is_done) done.names.push_back(name);
  return done;
}

}  // namespace flowrun
