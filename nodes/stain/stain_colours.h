// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/matx.hpp>

#include "stains.h"

namespace flowrun::wsi {

/// Optical densities of stains in R, G, B: Ruifrok and Johnston, Analytical and Quantitative Cytology and
/// Histology 23 (2001).
inline const cv::Vec3d hematoxylin{0.650, 0.704, 0.286}, eosin{0.072, 0.990, 0.105}, dab{0.268, 0.570, 0.776};

/// Hematoxylin and eosin; columns are of length 1.
inline StainMatrix ruifrok_stains() {
  return of_unit_length({hematoxylin[0], eosin[0], hematoxylin[1], eosin[1], hematoxylin[2], eosin[2]});
}

/// The same as TIAToolbox and histolab round them.
inline StainMatrix ruifrok_stains_of_two_digits() {
  return of_unit_length({0.65, 0.07, 0.70, 0.99, 0.29, 0.11});
}

/// In columns: hematoxylin, eosin, and DAB for what these two do not explain.
inline cv::Matx33d stain_colours() {
  return {hematoxylin[0], eosin[0],       dab[0],   hematoxylin[1], eosin[1],
          dab[1],         hematoxylin[2], eosin[2], dab[2]};
}

}  // namespace flowrun::wsi
