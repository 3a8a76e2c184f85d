// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace flowrun::wsi::collect {

/// Copies a file, or a folder with all in it, to a place where nothing stands, with permissions, times,
/// extended attributes, and owner (the last two where allowed). Links are copied as links. On return all of
/// it is on the disk and has been read back from there and compared. Throws Error and leaves nothing behind.
void copy_verified(const std::filesystem::path& from, const std::filesystem::path& to);

/// Removes a file, or a folder with all in it; what does not exist is removed. Throws Error.
void remove_whole(const std::filesystem::path& path);

/// Makes the entries of a folder (new and changed names) outlive a loss of power. Throws Error.
void sync_folder(const std::filesystem::path& folder);

}  // namespace flowrun::wsi::collect
