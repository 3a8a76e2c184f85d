// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "run/run.h"

namespace flowrun::cli {

/// `flowrun status`: what the runs in an output folder, one or of parts, are doing or how they ended, from
/// the folder alone.
int show_status(const std::filesystem::path& output_folder, bool as_json);
/// `flowrun top`: the same anew each second on a terminal, elsewhere every ten, until all have ended.
int follow_status(const std::filesystem::path& output_folder);

// Of what a RunWatcher reads:
/// A run, as it shows itself.
RunStatus status_of(const nlohmann::json& told);
/// What the parts of a group come to together, in a line without its end.
std::string total_of(const nlohmann::json& group);

}  // namespace flowrun::cli
