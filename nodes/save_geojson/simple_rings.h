// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/types.hpp>
#include <optional>
#include <vector>

namespace flowrun::wsi {

using PointRing = std::vector<cv::Point2d>;

/// Takes a closed line that crosses or touches itself apart into ones that do not. They have its points and
/// those where it crosses itself, run as it does, and go around each place as often together. Nothing when it
/// crosses itself more often than `crossings` times.
std::optional<std::vector<PointRing>> simple_rings(const PointRing& ring, std::size_t crossings);

}  // namespace flowrun::wsi
