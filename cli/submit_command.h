// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "commands.h"

namespace flowrun::cli {

/// How a run is shared out by Slurm; texts are sbatch's, empty when not given.
struct SubmitArguments {
  int jobs = 1;
  std::string time, partition, gres;
  std::string memory;             ///< that a job may take, as "8 GiB"; empty: as much as the graph's needs
  std::vector<std::string> more;  ///< further options of sbatch
  int retries = 0;                ///< how often parts that failed are done once more
  bool wait = false;              ///< until all has ended
  bool dry_run = false;
};

/// `flowrun submit`: checks a graph and submits its parts and what gathers from them as jobs. Returns the
/// exit code. Throws Error.
int submit_graph(RunArguments run, const SubmitArguments& submit);

}  // namespace flowrun::cli
