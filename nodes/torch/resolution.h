// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/batch.h>
#include <flowrun/wsi/tile.h>

#include <cstdint>
#include <optional>
#include <string>

namespace flowrun::torch_nodes {

/// By how much of its share the resolution of images may differ from what a model was made for, where nobody
/// says otherwise: scanners' pixels do.
constexpr double usual_mpp_tolerance = 0.02;

/// One resolution is known, and is the other but for a share of it.
bool is_near(std::optional<double> mpp, double other, double tolerance);

/// What images a model was made for.
struct Resolution {
  std::string model;                           ///< its name
  std::optional<double> mpp;                   ///< microns per pixel; nothing: not known
  double mpp_tolerance = usual_mpp_tolerance;  ///< share by which images may differ from it
  std::int64_t input_size = 0;                 ///< pixels a side that tiles are scaled to; 0: they are not
  std::string node;                            ///< whose option says another
};

/// Throws Error when what becomes of the tile is not of that resolution, or that is not known.
void check_resolution(const wsi::Tile& tile, const Resolution& made_for);

/// The microns per pixel of all samples of a batch; nothing where one does not say it, or they differ.
std::optional<double> mpp_of(const Batch& batch);

}  // namespace flowrun::torch_nodes
