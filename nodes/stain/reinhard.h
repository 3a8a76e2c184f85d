// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>
#include <optional>

#include "optical_density.h"

namespace flowrun::wsi {

/// Mean and standard deviation of l, alpha and beta of pixels, the decorrelated colour space of Ruderman et
/// al. (1998) that Reinhard et al., "Color transfer between images", IEEE CG&A 2001, use: three sums and
/// differences of natural logarithms of cone responses (L, M, S), which are sums of R, G, B from 0 to 255. A
/// grey level of 0 counts as 1.
struct LabMoments {
  cv::Vec3d mean, deviation;
};

/// Those of the slide TCGA-A2-A3XS-DX1, which HistomicsTK gives as target (Amgad et al., Bioinformatics
/// 2019).
inline LabMoments published_lab_moments() {
  return {{8.74108109, -0.12440419, 0.0444982}, {0.6135447, 0.10989545, 0.0286032}};
}

/// Of the stained pixels of `rgb` (rows x cols x 3, 8 bit). Nothing when there is no stain (see has_stain and
/// least_stained_share) or no variation in one of the three. Takes 32 KiB. Thread-safe.
std::optional<LabMoments> lab_moments(const cv::Mat& rgb, const Densitometry& light);

/// Gives pixels other moments: (lab - from.mean) * to.deviation / from.deviation + to.mean. Immutable,
/// thread-safe.
class LabTransfer {
 public:
  LabTransfer(const LabMoments& from, const LabMoments& to);
  /// Changes all pixels of `rgb` (rows x cols x 3, 8 bit) in place. Takes 32 KiB.
  void apply(cv::Mat& rgb) const;

 private:
  cv::Matx34d logarithms_;  // of L, M, S to those wanted
};

}  // namespace flowrun::wsi
