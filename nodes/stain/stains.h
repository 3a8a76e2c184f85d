// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <opencv2/core/matx.hpp>
#include <optional>

namespace flowrun::wsi {

/// Optical densities of R, G, B (rows) that one unit of hematoxylin and of eosin (columns) has; columns are
/// of length 1.
using StainMatrix = cv::Matx<double, 3, 2>;
StainMatrix of_unit_length(const StainMatrix& matrix);

/// What a normalisation takes to another slide's: the colours of the stains, and how much there is of them.
struct Stains {
  StainMatrix matrix;
  cv::Vec2d maxima;  ///< 99th percentile of the concentrations of all pixels
  /// The same of the residual, the density along residual_direction(matrix); where it counts.
  std::optional<double> residual = std::nullopt;
};

/// The target that the authors of Macenko et al. (ISBI 2009) published with their code.
inline Stains published_stains() {
  return {{0.5626, 0.2159, 0.7201, 0.8012, 0.4062, 0.5581}, {1.9705, 1.0308}};
}

/// What takes optical densities to the concentrations that fit them best (least squares).
using Unmixing = cv::Matx<double, 2, 3>;
Unmixing unmixing(const StainMatrix& matrix);

/// The unit vector at right angles to both colours: hematoxylin x eosin.
cv::Vec3d residual_direction(const StainMatrix& matrix);

/// The same two, first the one whose colour is nearer to the first of `known`.
Stains ordered_as(const StainMatrix& known, const Stains& stains);

/// Whether the stains are two (their colours further apart than 0.001 radians, which is rounding) and there
/// is some of both, and of the residual, where it counts.
bool usable(const Stains& stains);

/// How exactly angles between colours are found, in radians. Concentrations are found five times as roughly,
/// in units of optical density. Each moves a pixel by a part of a grey level.
constexpr double fast_tolerance = 2e-4, exact_tolerance = 1e-7;
constexpr double rougher_concentrations = 5;

}  // namespace flowrun::wsi
