// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

#include "nodes/stain/optical_density.h"
#include "nodes/stain/stains.h"

namespace flowrun::wsi {

/// Hematoxylin (first) with eosin or with DAB: Ruifrok and Johnston, "Quantification of histochemical
/// staining by color deconvolution", Anal Quant Cytol Histol 2001.
StainMatrix hematoxylin_eosin();
StainMatrix hematoxylin_dab();

/// How much of a stain a picture shows.
struct StainAmount {
  /// Mean concentration over all pixels: optical density of the stain, natural logarithm.
  double mean_od = 0;
  /// Share of the stained pixels (one channel at least of beta) with at least `positive_od`.
  double positive = 0;
};

/// Tells two stains of a picture apart. What the two do not explain, a third colour at right angles to both,
/// is left out. Immutable, thread-safe.
class Separation {
 public:
  /// `matrix` need not have columns of length 1.
  Separation(const StainMatrix& matrix, const Densitometry& light, double positive_od);

  /// `rgb`: rows x cols x 3, 8 bit. Fills `first` and `second` (rows x cols x 1, 8 bit, made here) with the
  /// light that the stain alone lets through: 255 exp(-concentration), rounded, 255 where there is none.
  /// Takes nothing besides.
  std::array<StainAmount, 2> apply(const cv::Mat& rgb, cv::Mat& first, cv::Mat& second) const;

 private:
  Densitometry light_;
  double positive_od_;
  std::array<std::array<std::array<double, 2>, 256>, 3> terms_;  // of the concentrations
};

}  // namespace flowrun::wsi
