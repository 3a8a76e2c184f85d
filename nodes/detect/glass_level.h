// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "otsu.h"

namespace flowrun::wsi {

/// The value up to which pixels are darker than glass by more than its noise, given how many pixels have each
/// value of their darkest channel (0: black, not counted). Glass is the brightest narrow peak that has half a
/// per cent of the pixels; its noise is seen on its bright side, where no tissue is. Pure white, where there
/// is so much of it, is padding beside a peak from 228 on, which no tissue is as narrow and bright as; else
/// it is the glass. Where neither is seen, glass is as bright as the brightest twentieth of the pixels.
/// `contrast`: values that tissue is darker at least; or four standard deviations of the
/// noise, if that is more.
int below_glass(const Histogram& counts, double contrast);

}  // namespace flowrun::wsi
