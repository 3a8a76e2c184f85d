// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "run/run.h"

namespace flowrun::cli {

/// A moment of a run in a line: "[####......] 12 slides of 40, 1234 tiles, 56.7/s, [######....] 1.2 GiB of 2
/// GiB in flight, 30 s left". `drawn`: with the bars.
std::string progress_text(const RunStatus& status, bool drawn);
/// The same with bars as the last line, after one for each scope in work: "  slide 7: 123 tiles". At most
/// `most` lines.
std::vector<std::string> progress_lines(const RunStatus& status, std::size_t most);

/// "error: slide: node: message", a line.
std::string failure_text(const std::string& scope, const std::string& node, const std::string& message);

}  // namespace flowrun::cli
