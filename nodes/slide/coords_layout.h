// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>
#include <flowrun/wsi/tile.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nodes/table/h5_file.h"

namespace flowrun::wsi {

/// What the tiles of one slide have in common.
struct TileShape {
  int size = 0;       ///< pixels
  int level = 0;      ///< that they were read from
  double extent = 0;  ///< level-0 pixels
  int overlap = 0;    ///< pixels

  explicit TileShape(const Tile& tile);
  TileShape(int size, double extent) : size(size), extent(extent) {}
  bool operator==(const TileShape&) const = default;
};

using H5Attributes = std::vector<std::pair<std::string, H5Attribute>>;

/// CLAM's attributes of `coords` (wsi_core/WholeSlideImage.py, process_contour). `folder` is what CLAM calls
/// save_path. Throws Error when the tiles are not pixels of one level as they are: CLAM's patch_size counts
/// those.
H5Attributes clam_attributes(const TileShape& tiles, const SlideFacts& slide, const std::string& folder);

/// CLAM's attributes of `imgs` (wsi_core/wsi_utils.py, initialize_hdf5_bag), which its StitchPatches reads,
/// from those of `coords`.
H5Attributes clam_pixel_attributes(const H5Attributes& of_coords);

/// CLAM's process_list_autogen.csv of slides that are patched. The columns of CLAM's own segmentation are
/// empty: nothing was done by them, and where CLAM reads them it takes its defaults for what is empty
/// (wsi_core/batch_process_utils.py).
std::string clam_process_list(const std::vector<std::string>& slides);

/// TRIDENT's (trident/IO.py, coords_to_h5). `folder` is what TRIDENT calls savetodir; `magnification` that of
/// level 0, by default as level0_magnification() finds it. target_magnification is
/// magnification * size / extent, a whole number if that one means the same patch_size_level0.
H5Attributes trident_attributes(const TileShape& tiles, const SlideFacts& slide, const std::string& folder,
                                std::optional<double> magnification);

/// STAMP's attributes of the file (stamp/preprocessing): those that say what coordinates are, not those of
/// features. Throws Error when the slide's MPP is not known.
H5Attributes stamp_attributes(const TileShape& tiles, const SlideFacts& slide);

/// As TRIDENT finds it (trident/wsi_objects/WSI.py, _fetch_magnification): from the MPP, below 0.16: 80,
/// 0.2: 60, 0.3: 40, 0.6: 20, 1.2: 10, 2.4: 5; without an MPP the objective power. Throws Error that says
/// what to give when the slide has neither.
double level0_magnification(const SlideFacts& slide);

}  // namespace flowrun::wsi
