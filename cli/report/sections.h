// SPDX-License-Identifier: Apache-2.0
// What the first page says before its galleries. Each is empty where there is nothing to say.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "findings.h"

namespace flowrun::cli {

/// The run in a sentence.
std::string verdict_of(const RunRecord& record);
/// What went wrong, what else is to be known, and what to do.
std::string problems_of(const RunRecord& record, const Findings& findings);
/// The graph, and the nodes' numbers.
std::string nodes_of(const RunRecord& record);
/// Memory and packets over time.
std::string times_of(const RunRecord& record);
/// Histograms that nodes reported, and those of quantities over scopes.
std::string distributions_of(const Findings& findings);
/// What nodes reported of the run, or of successive scopes (epochs).
std::string results_of(const RunRecord& record, const Findings& findings);

}  // namespace flowrun::cli
