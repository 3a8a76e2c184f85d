// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "run/run.h"

namespace flowrun::cli {

/// A moment of a run in a line: "[####......] 12 slides of 40, 1234 tiles, 56.7/s, 1.2 GiB of 2 GiB in
/// flight, 30 s left". `drawn`: with the bar.
std::string progress_text(const RunStatus& status, bool drawn);

/// "error: slide: node: message", a line.
std::string failure_text(const std::string& scope, const std::string& node, const std::string& message);

}  // namespace flowrun::cli
