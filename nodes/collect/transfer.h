// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace flowrun::wsi::collect {

/// What a step found: killed runs are repeated from their beginning, so it may have been taken before.
enum class Step { taken, taken_before };

/// Moves a file or folder to a place where nothing stands: renames it, or, on another file system, copies it
/// to `part` (beside `to`), checks the copy, renames that and then removes `from`. At every moment one of the
/// two places has all of it. Killed at any moment and called again, it goes on, in either direction: what is
/// at both places is removed from the one that has no more than the other. Throws Error when `to` is taken by
/// something else, when `from` is gone, or when it cannot be done; then `from` is whole.
Step move_new(const std::filesystem::path& from, const std::filesystem::path& to,
              const std::filesystem::path& part);

/// Removes `from`, all of which `kept` has. Throws Error when it has not, and keeps both.
Step remove_duplicate(const std::filesystem::path& from, const std::filesystem::path& kept);

/// Is there anything, be it a broken link? Throws Error when that cannot be seen.
bool is_there(const std::filesystem::path& path);

}  // namespace flowrun::wsi::collect
