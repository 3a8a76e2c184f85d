// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "graphs.h"
#include "run/run.h"

namespace flowrun::test {

/// What is wrong with the result of a run by itself, a line each.
std::vector<std::string> mistakes_in(const RunResult& result, const Plan& plan);

/// What must be the same for every number of threads.
struct Outcome {
  bool stopped = false;  ///< an error ended it: what is done until then is chance
  std::vector<std::string> lines;
};
Outcome outcome_of(const RunResult& result, const Plan& plan);

}  // namespace flowrun::test
