// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "output/output_folder.h"

namespace flowrun {

/// A scope that is whole, to be entered as done in each of the folders, also in those where it staged
/// nothing.
struct Publication {
  std::string scope;
  std::vector<OutputFolder*> folders;  ///< all that it staged something in are among them
  nlohmann::json entry;
};

/// Publishes scopes, each in all of its folders or in none, whatever becomes of the others: moves its units
/// into place, removes those of its last entry that were not made again, and writes the entry. The more
/// scopes in a batch, the less each pays for the disk.
///
/// One answer for each: null when it is done, or what went wrong. Then what was before still stands and what
/// was staged is gone; but if it went wrong after all folders had agreed, the next run completes it.
std::vector<std::exception_ptr> publish(const std::vector<Publication>& batch);

}  // namespace flowrun
