// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace flowrun {

/// One of several processes that train a model together, each with its share of the samples: all run the same
/// graph with the same output folders, in which rank 0 alone publishes.
struct Rank {
  int number = 0;  ///< from 0
  int count = 1;   ///< 1: one process does it all

  /// Of what is shared out one by one, what stands at this place is this rank's.
  bool has(std::uint64_t place) const {
    return place % static_cast<std::uint64_t>(count) == static_cast<std::uint64_t>(number);
  }
};

/// The rank of this process, as those who start several say it in its environment: torchrun (RANK of
/// WORLD_SIZE), else Slurm's srun (SLURM_PROCID of SLURM_STEP_NUM_TASKS). It counts in a run that trains;
/// what is sent to nodes that know nothing of ranks is never shared out. Throws Error when that is no rank.
Rank rank_of_process();

}  // namespace flowrun
