// SPDX-License-Identifier: Apache-2.0
#include "run/part_run.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "output/output_folder.h"
#include "run/share_out.h"

namespace flowrun {
namespace {

bool can_be_shared(const Plan& plan, int opener, const std::vector<bool>& deciding) {
  if (plan.at(opener).type->role != Role::open || plan.at(opener).type->successive) return false;
  for (std::size_t i = 0; i < deciding.size(); ++i)
    if (deciding[i] && plan.nodes[i].opener >= 0 && plan.nodes[i].opener != opener) return false;
  return true;
}

}  // namespace

void leave_to_the_whole(RunState& state) {
  const Plan& plan = state.plan;
  for (NodeRun& node : state.nodes) node.left = true;
  for (int opener = 0; opener < static_cast<int>(plan.nodes.size()); ++opener) {
    const std::vector<bool> deciding = plan.deciding(opener);
    if (!can_be_shared(plan, opener, deciding)) continue;
    for (std::size_t i = 0; i < deciding.size(); ++i)
      if (deciding[i]) state.nodes[i].left = false;
  }
  if (std::all_of(state.nodes.begin(), state.nodes.end(), [](const NodeRun& node) { return node.left; }))
    throw Error(
        "nothing in this graph can be shared out to parts: no node opens slides, or other scopes, that "
        "depend on "
        "no others; run it without --part");
}

Scopes share_of(RunState& state, const Part& part, int opener, std::uint64_t call, Scopes all) {
  std::vector<NewScope> scopes;
  BytesByName bytes;
  while (all.next) {
    std::optional<NewScope> scope = all.next();
    if (!scope) break;
    bytes[scope->name] += scope->bytes;
    scopes.push_back(std::move(*scope));
  }
  if (const auto& folders = state.at(opener).folders; !folders.empty())
    folders.front()->agree_on_shares(journal_name(state.plan, opener, std::to_string(call)),
                                     digest_of(bytes));
  // By name: two of one name, which is a mistake, are found by one part.
  const std::set<std::string> own = share_out(bytes, part);
  std::erase_if(scopes, [&](const NewScope& scope) { return !own.contains(scope.name); });
  Scopes share;
  share.total = scopes.size();
  share.extra_bytes = all.extra_bytes;
  share.next = [scopes = std::move(scopes), at = std::size_t{0}]() mutable -> std::optional<NewScope> {
    return at < scopes.size() ? std::optional(std::move(scopes[at++])) : std::nullopt;
  };
  return share;
}

}  // namespace flowrun
