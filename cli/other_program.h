// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace flowrun::cli {

/// What became of a program of others.
struct OtherProgram {
  bool succeeded = false;  ///< exit code 0
  std::string printed;     ///< on standard output
};

/// Runs a program from PATH to its end, `words` being its name and arguments, with `input` to read; what it
/// says on standard error goes where ours does. Nothing when there is no such program. Throws Error when it
/// cannot be run.
std::optional<OtherProgram> run_other(std::vector<std::string> words, const std::string& input = {});

}  // namespace flowrun::cli
