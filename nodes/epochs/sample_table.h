// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "nodes/slide/samples.h"
#include "nodes/table/slide_list.h"

namespace flowrun::wsi {

/// Adds the rows of a table (see CsvReader) to `samples`. Columns:
///
///   label            name of the class
///   path             tile image, relative to the table
///
/// or, without a column path or with `slides`, a place in a slide:
///
///   slide            its name or path
///   x, y             left and top edge, level-0 pixels
///   level            to read from (optional, as all below)
///   size             pixels a side
///   mpp, extent      resolution instead of the level: microns per pixel, or level-0 pixels a side
///   patient          whom the slide is of; else what the list of `slides` says
///   color            stored or icc, as the slide is to be read; else stored
///   weight           how often the sample is drawn, compared with others
///
/// With `samples.targets` each of them is a column of numbers, and the label is optional; one that is a
/// target is no class.
///
/// tiles.csv of `save` is such a table. `slides` are looked up by the names in the column `slide`; without
/// any, that column has paths relative to the table. Throws Error "FILE:LINE: what is wrong".
void read_samples(const std::filesystem::path& table, const std::vector<ListedSlide>& slides,
                  Samples& samples);

}  // namespace flowrun::wsi
