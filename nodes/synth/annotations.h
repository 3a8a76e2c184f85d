// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "islands.h"

namespace flowrun::wsi::synth {

/// Aperio ImageScope XML of the islands: an annotation named "tumor" and one named "stroma", in each a region
/// for every island of that kind along its outline and, after it, a region with NegativeROA="1" for its hole.
/// Vertices in level-0 pixels; `mpp` in microns per pixel.
std::string annotations_xml(const Scene& scene, double mpp);

}  // namespace flowrun::wsi::synth
