// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// Where files that belong to a slide may be, the likeliest first: `{slide}` in a pattern stands for the
/// slide's name or, as names of TCGA have more behind it, for its part before the first dot.
std::vector<std::filesystem::path> slide_files(const std::vector<std::filesystem::path>& patterns,
                                               const std::string& slide);

/// The first that exists; empty when none does.
std::filesystem::path first_there(const std::vector<std::filesystem::path>& paths);

/// What tells a file from a changed one of the same name: its path, its size and the time of its last change.
std::map<std::string, std::string> file_identity(const std::filesystem::path& path);
/// The size of a file; 0 when it cannot be looked at.
std::uint64_t bytes_of(const std::filesystem::path& path);
/// Adds that of a file that an option names, for Node::depends_on.
void add_identity(const std::string& option, const std::filesystem::path& path,
                  std::map<std::string, std::string>& all);

/// For messages: "a, b".
std::string in_words(const std::vector<std::filesystem::path>& paths);

}  // namespace flowrun::wsi
