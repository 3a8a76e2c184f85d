// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>

#include "optical_density.h"

namespace flowrun::wsi {

/// Colour spaces that pixels are moved in:
///
/// ruderman: the decorrelated l, alpha, beta of Ruderman et al. (1998) that Reinhard et al., "Color transfer
/// between images", IEEE CG&A 2001, use: three sums and differences of natural logarithms of cone responses
/// (L, M, S), which are sums of R, G, B from 0 to 255. A grey level of 0 counts as 1.
/// cielab: L, a, b (see to_cielab), as torchstain has it.
/// cielab_8bit: the same in OpenCV's 8 bit steps, as TIAToolbox has it.
enum class LabSpace { ruderman, cielab, cielab_8bit };
/// As options and files say it. Throws Error, which names the three, at another word.
LabSpace lab_space(const std::string& name);
std::string name_of(LabSpace space);

/// Mean and standard deviation of the three coordinates of pixels.
struct LabMoments {
  cv::Vec3d mean, deviation;
  LabSpace space = LabSpace::ruderman;
};

/// The pixels of a picture that are looked at.
enum class Measured { stained, all };

/// Those of the slide TCGA-A2-A3XS-DX1, which HistomicsTK gives as target (Amgad et al., Bioinformatics
/// 2019).
inline LabMoments published_lab_moments() {
  return {{8.74108109, -0.12440419, 0.0444982}, {0.6135447, 0.10989545, 0.0286032}, LabSpace::ruderman};
}

/// Of the stained pixels of `rgb` (rows x cols x 3, 8 bit), or of all. Nothing when there is no stain (see
/// has_stain and least_stained_share) or no variation in one of the three. Takes 32 KiB. Thread-safe.
std::optional<LabMoments> lab_moments(const cv::Mat& rgb, const Densitometry& light,
                                      LabSpace space = LabSpace::ruderman,
                                      Measured measured = Measured::stained);

/// Gives pixels other moments, of the same space: (lab - from.mean) * to.deviation / from.deviation +
/// to.mean. `cut_z`: see from_cielab. Immutable, thread-safe.
class LabTransfer {
 public:
  LabTransfer(const LabMoments& from, const LabMoments& to, bool cut_z = false);
  /// Changes all pixels of `rgb` (rows x cols x 3, 8 bit) in place. Takes 32 KiB.
  void apply(cv::Mat& rgb) const;

 private:
  LabSpace space_;
  bool cut_z_;
  cv::Matx34d change_;  // of coordinates; ruderman: of logarithms of L, M, S, which saves two products
};

}  // namespace flowrun::wsi
