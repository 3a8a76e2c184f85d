// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>
#include <optional>

#include "optical_density.h"
#include "stains.h"

namespace flowrun::wsi {

/// When the search for a sparse factorisation ends.
struct SparseSearch {
  double sparsity = 0.1;    ///< lambda, weight of the sum of concentrations; the paper's 0.1
  double tolerance = 1e-5;  ///< ends when no entry of the matrix changes by more in one round
  int max_rounds = 300;     ///< or after so many; 10 to 30 are usual
};

/// Finds the stains of a picture by the method of Vahadane et al., "Structure-preserving color normalization
/// and sparse stain separation for histological images", IEEE TMI 2016: the factors W, of unit length, and H,
/// both non-negative, of the optical densities V of stained pixels that minimise
///
///   |V - W H|^2 / 2 + sparsity * sum of H
///
/// by turns: H exactly for each pixel (two unknowns, four cases), W by coordinate descent on the sums that H
/// leaves (Mairal et al., JMLR 2010, algorithm 2), with Anderson's extrapolation from two rounds. It begins
/// with the published stains of Macenko et al.; so it needs no random numbers. Concentrations, for the maxima
/// and later for all pixels, are least-squares ones as for Macenko (as TIAToolbox has it).
///
/// `rgb`: rows x cols x 3, 8 bit, RGB. At most 65,536 pixels, on a regular grid, are looked at for W; all for
/// the maxima, which are within five times `tolerance`. Nothing in the same cases as fit_macenko. Takes about
/// 50 KiB. Thread-safe.
std::optional<Stains> fit_vahadane(const cv::Mat& rgb, const Densitometry& light, const SparseSearch& search,
                                   double tolerance);

}  // namespace flowrun::wsi
