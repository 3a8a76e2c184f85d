// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "run/run_state.h"

namespace flowrun {

/// Marks the nodes that a run of a part leaves to the run of all: those that make nothing for scopes that can
/// be shared out. Scopes cannot if they are successive, or depend on what is gathered from others. Throws
/// Error when nothing can be shared out.
void leave_to_the_whole(RunState& state);

/// Of what a call of an Open would open, the scopes that belong to the part. Throws Error when another part
/// that runs now shares out others.
Scopes share_of(RunState& state, const Part& part, int opener, std::uint64_t call, Scopes all);

}  // namespace flowrun
