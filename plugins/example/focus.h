// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <opencv2/core/mat.hpp>

/// How sharp an image is: the variance of its Laplacian (Pech-Pacheco et al., "Diatom autofocusing in
/// brightfield microscopy: a comparative study", ICPR 2000). `rgb` is rows x cols x 3, 8 bit. The Laplacian
/// is the 3 x 3 one with four neighbours, on grey (Rec. 601 luma), mirrored at the edges. It grows with
/// contrast, so a useful threshold depends on stain and scanner.
double sharpness(const cv::Mat& rgb);
/// The bytes that it takes while it works.
std::size_t sharpness_scratch(std::size_t rgb_bytes);
