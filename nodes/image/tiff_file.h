// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tiffio.h>

#include <filesystem>
#include <memory>
#include <string>

namespace flowrun::wsi {

struct TiffClose {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using TiffFile = std::unique_ptr<TIFF, TiffClose>;

/// Makes libtiff keep its last error and its last warning per thread instead of printing them. Once per
/// process is enough; again does no harm.
void quiet_tiff();
/// What libtiff said last on this thread.
std::string tiff_problem();
/// The last warning on this thread since it was last taken; empty: none.
std::string take_tiff_warning();
/// Opens for reading without mapping the file, whose pages would count as memory of the process. Null when
/// it is no TIFF.
TiffFile open_tiff(const std::filesystem::path& path);

}  // namespace flowrun::wsi
