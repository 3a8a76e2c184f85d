// SPDX-License-Identifier: Apache-2.0
#include "vahadane.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

#include "concentrations.h"
#include "vectors.h"

namespace flowrun::wsi {
namespace {

constexpr double most_pixels = 65536;
constexpr double most_ahead = 20;
constexpr int descents = 20;  // of W in each round: each costs a few products, a round all pixels

/// What W depends on: products of concentrations with each other and with densities, summed over pixels.
struct Products {
  cv::Matx22d hh;
  cv::Matx<double, 3, 2> vh;
};

/// Sums over pixels at the concentrations that are best for `w`.
struct Sums {
  Double4 a_r, a_g, a_b, b_r, b_g, b_b;  // both colours
  Double4 both, scale, sparsity;
  Double4 aa{}, ab{}, bb{};  // of concentrations
  Double4 r_with_a{}, g_with_a{}, b_with_a{}, r_with_b{}, g_with_b{}, b_with_b{};

  Sums(const StainMatrix& w, double lambda) {
    const Double4 zero{};
    a_r = zero + w(0, 0), a_g = zero + w(1, 0), a_b = zero + w(2, 0);
    b_r = zero + w(0, 1), b_g = zero + w(1, 1), b_b = zero + w(2, 1);
    const double product = w(0, 0) * w(0, 1) + w(1, 0) * w(1, 1) + w(2, 0) * w(2, 1);
    both = zero + product, scale = zero + 1 / (1 - product * product), sparsity = zero + lambda;
  }

  FLOWRUN_IN_EACH_TARGET void add(const Double4& r, const Double4& g, const Double4& b,
                                  const Long4& stained) {
    Double4 alone_a = a_r * r + a_g * g + a_b * b - sparsity,
            alone_b = b_r * r + b_g * g + b_b * b - sparsity;
    keep(alone_a, (alone_a > 0) & stained), keep(alone_b, (alone_b > 0) & stained);
    Double4 h_a = (alone_a - both * alone_b) * scale, h_b = (alone_b - both * alone_a) * scale;
    // Where one would be negative it is nothing, and the other what is best alone.
    h_b = h_a < 0 ? alone_b : h_b;
    h_a = h_b < 0 ? alone_a : h_a;
    keep(h_a, h_a > 0), keep(h_b, h_b > 0);
    aa += h_a * h_a, ab += h_a * h_b, bb += h_b * h_b;
    r_with_a += r * h_a, g_with_a += g * h_a, b_with_a += b * h_a;
    r_with_b += r * h_b, g_with_b += g * h_b, b_with_b += b * h_b;
  }

  Products products() const {
    return {{total(aa), total(ab), total(ab), total(bb)},
            {total(r_with_a), total(r_with_b), total(g_with_a), total(g_with_b), total(b_with_a),
             total(b_with_b)}};
  }
};

/// One column of W that is best while the other stays; false when there is nothing of its stain.
bool descend(StainMatrix& w, const Products& sums, int j) {
  if (sums.hh(j, j) <= 0) return false;
  cv::Vec3d column;
  for (int c = 0; c < 3; ++c) {
    const double residue = sums.vh(c, j) - w(c, 0) * sums.hh(0, j) - w(c, 1) * sums.hh(1, j);
    column[c] = std::max(0.0, w(c, j) + residue / sums.hh(j, j));
  }
  const double length = cv::norm(column);
  if (length <= 0) return false;
  for (int c = 0; c < 3; ++c) w(c, j) = column[c] / length;
  return true;
}

/// Non-negative and with columns of length 1.
StainMatrix as_colours(StainMatrix w) {
  for (double& density : w.val) density = std::max(0.0, density);
  return of_unit_length(w);
}

}  // namespace

std::optional<Stains> fit_vahadane(const cv::Mat& rgb, const Densitometry& light, const SparseSearch& search,
                                   double tolerance) {
  const StainedMoments moments = stained_moments(rgb, light);
  if (!is_measurable(moments, rgb.total(), light)) return {};
  const StainedDensities densities(light);
  const int step =
      std::max(1, static_cast<int>(std::ceil(std::sqrt(static_cast<double>(rgb.total()) / most_pixels))));
  StainMatrix w = as_colours(published_stains().matrix);
  StainMatrix last_better, last_move;
  for (int round = 0; round < search.max_rounds; ++round) {
    Sums summed(w, search.sparsity);
    densities.add(rgb, step, summed);
    const Products sums = summed.products();
    StainMatrix better = w;
    for (int i = 0; i < descents; ++i)
      if (!descend(better, sums, 0) || !descend(better, sums, 1)) return {};
    if (!usable({better, {1, 1}})) return {};
    const StainMatrix move = better - w;
    w = better;
    if (cv::norm(move, cv::NORM_INF) <= search.tolerance) break;
    // Rounds creep along one direction in ever smaller moves; two of them tell where that leads.
    const StainMatrix change = move - last_move;
    const double ahead =
        round == 0 ? 0 : std::clamp(-move.dot(change) / std::max(change.dot(change), 1e-30), 0.0, most_ahead);
    const StainMatrix further = as_colours(better + ahead * (better - last_better));
    w = usable({further, {1, 1}}) ? further : better;
    last_better = better;
    last_move = move;
  }
  if (w(0, 0) <= w(0, 1))
    for (int c = 0; c < 3; ++c) std::swap(w(c, 0), w(c, 1));
  const Stains stains{w, maximum_concentrations(rgb, w, light, rougher_concentrations * tolerance)};
  return usable(stains) ? std::optional(stains) : std::nullopt;
}

}  // namespace flowrun::wsi
