// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>

#include "optical_density.h"
#include "stains.h"

namespace flowrun::wsi {

/// The 99th percentiles of the concentrations of both stains in all pixels of `rgb` (rows x cols x 3, 8 bit),
/// to within `tolerance`. Takes about 50 KiB. Thread-safe.
cv::Vec2d maximum_concentrations(const cv::Mat& rgb, const StainMatrix& matrix, const Densitometry& light,
                                 double tolerance);

/// The same of the residual, along residual_direction(matrix).
double maximum_residual(const cv::Mat& rgb, const StainMatrix& matrix, const Densitometry& light,
                        double tolerance);

}  // namespace flowrun::wsi
