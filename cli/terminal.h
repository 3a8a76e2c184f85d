// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace flowrun::cli {

/// A terminal whose cursor can be moved: not one that says it is dumb (TERM).
bool can_be_drawn_on(int descriptor);
/// How many lines fit on it; 24 where it does not say.
std::size_t lines_of_terminal(int descriptor);

/// What clears the last `count` lines, the cursor being in the last of them.
std::string erased(std::size_t count);
/// Lines that the terminal cuts where it ends, so that each is one; the cursor stays in the last.
std::string unwrapped(const std::vector<std::string>& lines);

}  // namespace flowrun::cli
