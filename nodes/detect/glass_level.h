// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nodes/image/otsu.h"

namespace flowrun::wsi {

/// Padding is white, as lossy codecs blur it; beside it glass is at least so bright, and tissue is not.
constexpr int least_white = 250, least_glass_beside_white = 228;

/// The value up to which pixels are darker than glass by more than its noise, given how many pixels have each
/// value of their darkest channel (0: black, not counted). Glass is the brightest narrow peak that has half a
/// per cent of the pixels; its noise is seen on its bright side, where no tissue is. White, where there
/// is so much of it, is padding beside a peak of glass, else glass itself. Where neither is seen, glass is as
/// bright as the brightest twentieth of the pixels. `contrast`: values that tissue is darker at least; or
/// four standard deviations of the noise, if that is more.
int below_glass(const Histogram& counts, double contrast);

}  // namespace flowrun::wsi
