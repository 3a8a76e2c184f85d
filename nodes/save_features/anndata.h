// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/features.h>

#include <string>

#include "nodes/table/h5_file.h"

namespace flowrun::torch_nodes {

/// AnnData's file of one slide (.h5ad, version 0.1.0 of its on-disk format,
/// https://anndata.readthedocs.io/en/latest/fileformat-prose.html): an observation a tile, a variable a
/// feature. X: features; obsm/spatial: the tiles' centres, x and y in level-0 pixels; obs/_index:
/// <slide>_<x>_<y> of the left and top edge; uns: slide, encoder, extent of a tile in level-0 pixels, and mpp
/// of level 0 where it is known. `like`: the first features of the slide.
void begin_anndata(const Features& like, const std::string& slide, wsi::H5Writer& h5);

/// Adds rows to all but X.
void append_places(const Features& features, const std::string& slide, wsi::H5Writer& h5);

}  // namespace flowrun::torch_nodes
