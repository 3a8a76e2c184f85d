// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <opencv2/core/mat.hpp>

#include "optical_density.h"

namespace flowrun::wsi {

/// A change of pixels (rows x cols x 3, 8 bit, in place, each by itself) that leaves background as it is:
/// pixels that have a density of `light.beta` in none of R, G, B. Eosin has one in green, so tissue is none.
/// Takes 3 KiB besides.
std::function<void(cv::Mat&)> keeping_background(std::function<void(cv::Mat&)> change,
                                                 const Densitometry& light);

/// A change of pictures that leaves pixels as they are where otsu_tissue sees none. Takes as much, then the
/// mask, a copy of the picture and what `change` takes.
std::function<void(cv::Mat&)> keeping_all_but_otsu_tissue(std::function<void(cv::Mat&)> change);

}  // namespace flowrun::wsi
