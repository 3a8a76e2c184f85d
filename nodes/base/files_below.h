// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

namespace flowrun::wsi {

/// All regular files in a folder and below it, sorted. Links to folders are followed, but each folder is read
/// once, so that a link back ends; a file in a folder with several names has the one without links. Hidden
/// files and folders are left out, and so are folders that may not be read. Throws
/// std::filesystem::filesystem_error when a folder cannot be read to its end.
std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder);

}  // namespace flowrun::wsi
