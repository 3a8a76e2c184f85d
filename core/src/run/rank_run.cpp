// SPDX-License-Identifier: Apache-2.0
#include "run/rank_run.h"

#include <fmt/format.h>

namespace flowrun {
namespace {

bool opens_epochs(const Plan& plan, int node) {
  return node >= 0 && plan.at(node).type->role == Role::open && plan.at(node).type->successive;
}

/// A training averages over ranks; whatever else keeps something of an epoch would keep one rank's share.
void refuse_what_sees_a_share(const Plan& plan, const Rank& rank) {
  for (const PlanNode& node : plan.nodes) {
    if (!opens_epochs(plan, node.opener)) continue;
    const bool gathers = node.type->role == Role::gather_scopes;
    if ((gathers && node.type->resumes) || (!gathers && node.output_folders.empty())) continue;
    throw Error(fmt::format(
        "'{}' (type {}) keeps something of each epoch, but this process is one of {} ranks (see SLURM_PROCID "
        "or RANK) that train together, and has a share of the samples only: leave '{}' out, or start one "
        "process",
        node.name, node.type->name, rank.count, node.name));
  }
}

}  // namespace

Rank rank_of_run(const Plan& plan) {
  bool trains = false;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) trains |= opens_epochs(plan, static_cast<int>(i));
  if (!trains) return {};
  const Rank rank = rank_of_process();
  if (rank.count > 1) refuse_what_sees_a_share(plan, rank);
  return rank;
}

void share_among_ranks(RunState& state) {
  const Plan& plan = state.plan;
  if (state.options.rank.count == 1) return;
  std::vector<bool> wanted(plan.nodes.size());
  for (int opener = 0; opener < static_cast<int>(plan.nodes.size()); ++opener) {
    if (!opens_epochs(plan, opener)) continue;
    const std::vector<bool> deciding = plan.deciding(opener);
    for (std::size_t i = 0; i < deciding.size(); ++i)
      if (deciding[i]) wanted[i] = true;
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    state.nodes[i].before_training = wanted[i] && !plan.nodes[i].type->successive;
    state.nodes[i].left = !wanted[i] && state.options.rank.number > 0;
  }
}

Error not_done(const std::string& kind) {
  return Error(
      fmt::format("this {} is not done, and ranks only train: what they train with must be there before. Run "
                  "the graph with --part 1/1, or in more parts, which leaves the training to the ranks",
                  kind));
}

}  // namespace flowrun
