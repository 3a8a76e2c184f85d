// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>
#include <optional>

#include "optical_density.h"
#include "stains.h"

namespace flowrun::wsi {

/// Finds the stains of a picture by the method of Macenko et al., "A method for normalizing histology slides
/// for quantitative analysis", ISBI 2009: the two directions at the edges of the fan that the optical
/// densities of stained pixels form in the plane of their two largest principal components.
///
/// `rgb`: rows x cols x 3, 8 bit, RGB, rows need not be adjacent. `alpha`: percent of the angles beyond each
/// edge. `tolerance`: of the angles in radians; maxima are within five times that. Nothing when there is no
/// stain to be measured (see is_measurable), when all colours are shades of one, or when a maximum is not
/// above zero.
///
/// Three to five passes over the pixels, one of them for the covariance; takes about 50 KiB. Thread-safe.
std::optional<Stains> fit_macenko(const cv::Mat& rgb, const Densitometry& light, double alpha,
                                  double tolerance);

}  // namespace flowrun::wsi
