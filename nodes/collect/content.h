// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace flowrun::wsi::collect {

/// True when `whole` has every byte of `part`: files with the same content, links to the same place, folders
/// where this holds for each entry of `part`. Throws Error when something cannot be read, or is neither file,
/// folder nor link.
bool contains_all_of(const std::filesystem::path& part, const std::filesystem::path& whole);

/// True when each contains all of the other.
bool same_content(const std::filesystem::path& a, const std::filesystem::path& b);

}  // namespace flowrun::wsi::collect
