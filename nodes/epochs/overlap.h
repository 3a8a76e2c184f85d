// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nodes/slide/samples.h"

namespace flowrun::wsi {

/// A warning when the same images, slides or patients are trained and validated with; else nothing. Which
/// rows are for validation is told by row. Images are the same when their paths are, through links.
std::string said_of_overlap(const Samples& samples, const std::vector<bool>& validation);

}  // namespace flowrun::wsi
