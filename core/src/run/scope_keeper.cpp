// SPDX-License-Identifier: Apache-2.0
#include "run/scope_keeper.h"

#include <flowrun/bytes.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "run/done_scopes.h"
#include "run/rank_run.h"

namespace flowrun {

ScopeKeeper::ScopeKeeper(RunState& state, OutputFolders* folders, std::function<void()> hold,
                         std::function<void()> let_go)
    : state_(state),
      folders_(folders),
      hold_(std::move(hold)),
      let_go_(std::move(let_go)),
      points_(state.nodes.size() + 1) {
  for (std::size_t i = 0; i < state.nodes.size(); ++i) {
    const NodeRun& node = state.nodes[i];
    const int number = static_cast<int>(i);
    const bool emits_for_run = node.plan->type->role == Role::gather_scopes;
    const auto own = static_cast<std::size_t>(node.plan->opener + 1);
    if (node.packets) points_[emits_for_run ? 0 : own].push_back({number, node.packets});
    if (node.finish) points_[own].push_back({number, node.finish});
    if (node.run_finish) points_[0].push_back({number, node.run_finish});
  }
}

void ScopeKeeper::begin_run(const std::vector<OutputFolder*>& folders) {
  state_.run_scope = begin_scope(-1, "run", folders);
}

ScopePtr ScopeKeeper::begin_scope(int opener, std::string name, std::vector<OutputFolder*> folders) {
  auto scope = std::make_shared<ScopeRun>(state_.plan, opener, std::move(name), ages_++, std::move(folders),
                                          state_.totals);
  scope->all_folders = folders_;
  for (const PointOfNode& of : points_in(*scope)) state_.budget->begin_scope(*of.point, scope->age());
  return scope;
}

ScopePtr ScopeKeeper::open(int opener, NewScope spec, const Lease& lease) {
  NodeRun& node = state_.at(opener);
  int asked = opener;
  try {
    {
      std::scoped_lock lock(node.mutex);
      if (!node.scopes.emplace(spec.name, false).second)
        throw Error(fmt::format("another {} is called '{}' already: names must be unique",
                                state_.plan.kind_of(opener), spec.name));
    }
    for (const OutputFolder* folder : node.folders)
      folder->check_scope_name(journal_name(state_.plan, opener, spec.name));
    for (std::size_t i = 0; i < state_.nodes.size(); ++i)
      if (state_.nodes[i].plan->opener == opener) {
        asked = static_cast<int>(i);
        for (auto& [what, value] : state_.nodes[i].plan->node->depends_on(spec.name))
          spec.identity[state_.nodes[i].plan->name + "." + what] = std::move(value);
      }
  } catch (...) {
    refuse(opener, spec, asked, std::current_exception());
    return nullptr;
  }
  add_identity(opener, spec);
  if (is_done_before(state_, opener, spec)) {
    {
      std::scoped_lock lock(node.mutex);
      node.scopes[spec.name] = true;
    }
    state_.results.end_scope(
        {state_.plan.kind_of(opener), spec.name, ScopeStatus::done_before, {}, state_.plan_of(opener).name});
    return nullptr;
  }
  if (node.before_training && !node.folders.empty()) {
    state_.stopped = true;
    refuse(opener, spec, opener, std::make_exception_ptr(not_done(state_.plan.kind_of(opener))));
    return nullptr;
  }
  node.redoing = node.plan->type->successive;
  auto scope = begin_scope(opener, std::move(spec.name), node.folders);
  scope->identity = std::move(spec.identity);
  if (scope->unfinished > 0) scope->lease = lease;
  {
    std::scoped_lock lock(mutex_);
    open_.insert(scope);
  }
  state_.router->open(scope);
  if (scope->unfinished == 0) scope_ended(scope);
  return scope;
}

/// Packets of the run that its nodes see are part of what a scope depends on.
void ScopeKeeper::add_identity(int opener, NewScope& spec) {
  for (std::size_t i = 0; i < state_.nodes.size(); ++i) {
    const PlanNode& node = *state_.nodes[i].plan;
    if (node.opener != opener) continue;
    const auto& outer = state_.router->outer(static_cast<int>(i));
    for (std::size_t input = 0; input < outer.size(); ++input)
      if (const InputSpec& port = node.type->inputs[input]; port.identity && outer[input].payload)
        spec.identity[node.name + "." + port.name] = port.identity(outer[input].payload.get());
  }
}

/// A scope that cannot even be opened.
void ScopeKeeper::refuse(int opener, const NewScope& spec, int node, const std::exception_ptr& why) {
  const PlanNode& plan = state_.plan_of(opener);
  const OnError policy = plan.on_error;
  if (policy == OnError::stop || (policy == OnError::fail && plan.type->successive)) state_.stopped = true;
  state_.results.fail({state_.plan_of(node).name, spec.name, message_of(why), policy, why, plan.name});
  state_.results.end_scope({state_.plan.kind_of(opener),
                            spec.name,
                            policy == OnError::skip ? ScopeStatus::left_out : ScopeStatus::failed,
                            {},
                            plan.name});
}

void ScopeKeeper::give_up(ScopeRun& scope) {
  if (!scope.failed()) scope.left_out = true;
  scope.fail();
}

void ScopeKeeper::node_finished(const ScopePtr& scope, int node) {
  NodeScope& here = scope->at(node);
  here.state.value.reset();
  here.gathered = Gathered(0);
  for (const PointOfNode& of : points_in(*scope))
    if (of.node == node) state_.budget->end_scope(*of.point, scope->age());
  state_.router->close(scope, node);
  const bool last = --scope->unfinished == 0;
  // What gathers scopes waits for them to be published.
  if (!scope->is_run() && state_.plan_of(node).type->role != Role::gather_scopes)
    state_.router->release(state_.run_scope, node);
  if (last) scope_ended(scope);
}

void ScopeKeeper::end_after(const ScopeRun& scope) {
  if (scope.is_run() || !state_.plan_of(scope.opener()).type->successive)
    throw std::logic_error("only scopes that are opened one after the other can be ended");
  state_.at(scope.opener()).ended = true;
}

void ScopeKeeper::scope_ended(const ScopePtr& scope) {
  if (!scope->failed()) {
    if (const std::string broken = scope->broken_sum(state_.plan); !broken.empty())
      state_.report(*scope, -1, OnError::fail,
                    std::make_exception_ptr(std::logic_error("packets were lost: " + broken)));
  }
  // A part leaves what belongs to the run to the run of all, a rank to rank 0.
  const bool is_other_rank = state_.options.rank.number > 0;
  if (scope->is_run() && (state_.options.part || is_other_rank)) scope->fail();
  if (scope->failed() || scope->folders().empty() || is_other_rank) return published(scope, nullptr);
  nlohmann::json entry{
      {"recipe", scope->is_run() ? state_.plan.recipe(-1) : state_.at(scope->opener()).recipe}};
  if (!scope->is_run()) {
    nlohmann::json counts = nlohmann::json::object();
    for (const auto& [node, packets] : scope->counts(state_.plan)) counts[node] = to_json(packets);
    entry.update({{"scope", scope->name()},
                  {"kind", scope->kind()},
                  {"input", scope->identity},
                  {"last", state_.at(scope->opener()).ended.load()},
                  {"counts", counts}});
    if (state_.plan_of(scope->opener()).type->successive) entry["successive"] = true;
  }
  const nlohmann::json reported = scope->reported(state_.plan);
  if (!reported.empty()) entry["report"] = reported;
  std::vector<OutputFolder*> folders = scope->folders();
  // Of the run itself only outputs and what is reported are kept.
  if (scope->is_run() && reported.empty())
    std::erase_if(folders, [&](OutputFolder* folder) { return !folder->has_staged(scope->journal_name()); });
  if (folders.empty()) return published(scope, nullptr);
  hold_();
  publisher_.publish({scope->journal_name(), std::move(folders), std::move(entry)},
                     [this, scope](const std::exception_ptr& problem) {
                       published(scope, problem);
                       let_go_();
                     });
}

void ScopeKeeper::published(const ScopePtr& scope, const std::exception_ptr& problem) {
  if (problem) state_.report(*scope, -1, OnError::fail, problem);
  if (scope->failed() || state_.options.rank.number > 0)
    for (OutputFolder* folder : scope->folders()) {
      try {
        folder->discard(scope->journal_name());
      } catch (...) {
        state_.report(*scope, -1, OnError::fail, std::current_exception());
      }
    }
  if (scope->is_run()) {
    run_ended_ = true;
    return;
  }
  note_kept_packets(*scope);
  tell(*scope);
  const int opener = scope->opener();
  if (!scope->failed()) {
    std::scoped_lock lock(state_.at(opener).mutex);
    state_.at(opener).scopes[scope->name()] = true;
  }
  {
    std::scoped_lock lock(mutex_);
    open_.erase(scope);
  }
  for (std::size_t i = 0; i < state_.nodes.size(); ++i) {
    const PlanNode& node = *state_.nodes[i].plan;
    if (node.opener == opener && node.type->role == Role::gather_scopes)
      state_.router->release(state_.run_scope, static_cast<int>(i));
  }
}

/// What a node keeps beyond a scope, in a member say, stays leased: others must not wait for it for ever.
void ScopeKeeper::note_kept_packets(ScopeRun& scope) {
  const auto note = [&](int maker, std::size_t bytes) {
    if (bytes > 0)
      scope.at(maker).counts.notes.add(fmt::format(
          "packets of {} are kept beyond the {}'s end by a node that takes them: what is kept for a "
          "scope belongs into Inputs::state, a mistake of a plugin",
          format_bytes(bytes), scope.kind()));
  };
  for (const PointOfNode& of : points_in(scope))
    note(of.node, state_.budget->forget_scope(*of.point, scope.age()));
  note(scope.opener(), state_.budget->forget(std::exchange(scope.lease, nullptr)));
}

void ScopeKeeper::tell(ScopeRun& scope) {
  const ScopeStatus status = !scope.failed()  ? ScopeStatus::done
                             : scope.left_out ? ScopeStatus::left_out
                             : scope.said     ? ScopeStatus::failed
                                              : ScopeStatus::interrupted;
  state_.results.end_scope(
      {scope.kind(), scope.name(), status, scope.counts(state_.plan), state_.opener_of(scope)});
}

std::vector<ScopePtr> ScopeKeeper::open_scopes() {
  std::scoped_lock lock(mutex_);
  return {open_.begin(), open_.end()};
}

std::vector<ScopeInWork> ScopeKeeper::in_work(std::optional<std::size_t> node) const {
  std::vector<ScopePtr> by_age;
  {
    std::scoped_lock lock(mutex_);
    for (const ScopePtr& scope : open_)
      if (!scope->is_run()) by_age.push_back(scope);
  }
  std::ranges::sort(by_age, {}, [](const ScopePtr& scope) { return scope->age(); });
  std::vector<ScopeInWork> out;
  for (const ScopePtr& scope : by_age) out.push_back({scope->name(), node ? scope->packets_at(*node) : 0});
  return out;
}

}  // namespace flowrun
