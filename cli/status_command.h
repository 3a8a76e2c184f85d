// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace flowrun::cli {

/// `flowrun status`: what the runs in an output folder, one or of parts, are doing or how they ended, from
/// the folder alone.
int show_status(const std::filesystem::path& output_folder, bool as_json);
/// `flowrun top`: the same anew each second on a terminal, elsewhere every ten, until all have ended.
int follow_status(const std::filesystem::path& output_folder);

}  // namespace flowrun::cli
