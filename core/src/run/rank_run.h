// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/error.h>
#include <flowrun/rank.h>

#include <string>

#include "run/run_state.h"

namespace flowrun {

// A run by several ranks: each does what the training depends on, and trains; rank 0 does the rest, too, and
// publishes. What is trained in are scopes that follow one another, as epochs do.

/// The rank of this process in a run of the plan: that of its environment where something is trained, else it
/// does all. Throws Error when the graph has a node that would see one rank's share of an epoch only.
Rank rank_of_run(const Plan& plan);

/// Marks the nodes whose scopes a training depends on, and which of the others this rank leaves to rank 0.
void share_among_ranks(RunState& state);

/// What a rank says of a scope, of this kind, that a training depends on and that is not done.
Error not_done(const std::string& kind);

}  // namespace flowrun
