// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace flowrun::wsi {

/// Checks what a TIFF or BigTIFF says before OpenSlide allocates it: that the values of all tags lie in the
/// file, and that its tiles and strips are no larger than the file, tiles than 64 MiB. Where the machine has
/// not that much, OpenSlide ends the process. Throws Error that names the file and what is too large; other
/// files are fine.
void check_tiff_sizes(const std::filesystem::path& file);

}  // namespace flowrun::wsi
