// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/packets.h>

#include <string>

#include "run/run_state.h"

namespace flowrun {

// Scopes that are done, and what nodes that gather them keep of them.

/// All folders have the scope as it would be made now, and what gathers from it has by itself, or kept, what
/// it needs of it.
bool is_done_before(RunState& state, int opener, const NewScope& spec);

/// See Outputs::keep.
void keep(RunState& state, const ScopeRun& scope, int node, std::string bytes);

/// For a node that gathers scopes, at the end of the run.
DoneScopes done_scopes(RunState& state, int node);

}  // namespace flowrun
