// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "slide_names.h"

namespace flowrun::wsi {

/// A text fit for journals and file names: when it is no UTF-8 or has control characters, their bytes (and %)
/// are written as %XX, so that different texts stay different.
std::string printable(const std::string& text);

/// A slide to be opened.
struct ListedSlide {
  std::filesystem::path path;  ///< absolute; of a DICOM slide in several files the first one
  std::string name;            ///< unique in the list, fit for a file name
  std::optional<double> mpp;   ///< microns per level-0 pixel, where a list says it
  std::string patient;         ///< whom it is of, where a list says it
  std::vector<std::filesystem::path> more_files{};  ///< of a DICOM slide, sorted
};

/// Finds the slides that `places` stand for: a slide file, a glob pattern (`*`, `?`, `[]`; a folder that is
/// there under a pattern's name is no pattern), a folder (searched with all below it, through links, each
/// folder once, for files with one of `extensions` in any case), or a list: a .txt with a path a line, or a
/// .csv with a column `path` (or `wsi`, as TRIDENT's) and perhaps `mpp` and `patient`; paths in a list are
/// relative to it. Sorted by path, each file once. Names are the files' stems; where two are alike, the names
/// of the folders above are put before them (`a_x`, `b_x`), then the extensions kept; where they still print
/// alike, their % is written as %25. The files of a DICOM slide, whichever of them are found, are one slide
/// with the name of their folder; a single file has its own. A file that does not exist is listed all the
/// same, so that it is reported as one slide's failure. Throws Error when a place stands for no slide at all.
std::vector<ListedSlide> list_slides(const std::vector<std::filesystem::path>& places,
                                     const std::vector<std::string>& extensions = slide_extensions());

}  // namespace flowrun::wsi
