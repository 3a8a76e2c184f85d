// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace flowrun::cli {

/// Writes the report of an output folder's last run: a page that needs no other file and no network. It has
/// at most 2,000 scopes and about 16 MB of pictures; what is more goes to FILE-2.html and so on, and pages of
/// an earlier report that there are no more go away. Throws Error, also when `file` is there and no report.
void write_report(const std::filesystem::path& output_folder, const std::filesystem::path& file);

}  // namespace flowrun::cli
