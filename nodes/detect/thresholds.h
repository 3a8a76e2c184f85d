// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/thumbnail.h>

#include <array>
#include <cstddef>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// What looks like glass whatever the method: it is painted white before pixels are scored.
struct Glass {
  std::vector<std::string> ink;  ///< marks of pens of these colours, see find_ink
  std::optional<int> white;      ///< pixels at least as bright as this in all channels
  std::optional<int> grey;       ///< pixels whose channels differ by at most this: grey glass, black frames
  bool any() const { return !ink.empty() || white || grey; }
};

/// Hue 0 to 180, saturation and value 0 to 255, as OpenCV counts them; both ends belong to it.
struct HsvBounds {
  std::array<int, 3> low, high;
};

/// Scores to threshold: luma, saturation, or 255 for what lies within the bounds and 0 for the rest.
Score luma_of(const Glass& glass);
/// Dark pixels whose channels differ by noise alone have no saturation.
Score saturation_of(const Glass& glass);
/// The darkest of R, G, B, 1 at least; 0 for black pixels.
Score darkest_of(const Glass& glass);
Score within(const HsvBounds& bounds, const Glass& glass);

/// Each makes a mask (255 = tissue) of scores in place; rows x cols x 1, 8 bit. Besides it takes
/// `mask_scratch` bytes at most.

/// Otsu's threshold (IEEE Trans. SMC 9, 1979) parts any picture in two, if it is noise. So where the means of
/// what it parts are less than `contrast` values apart, tissue is what is further from the glass than that:
/// of the mean of the brighter part (of saturation: of the duller one).

/// Otsu's threshold; dark is tissue, but for black frames.
void threshold_dark(cv::Mat& luma, double contrast);
/// What is darker than glass by `contrast` and by more than its noise (see below_glass), but for what is
/// black: pale tissue, too, beside dark one.
void threshold_below_glass(cv::Mat& darkest, double contrast);
/// CLAM's: median blur, then what is above `threshold` (Otsu's without one) is tissue, then closing with a
/// square. `median` is odd, 1 for none; `close` 0 or 1 for none.
void threshold_saturated(cv::Mat& saturation, int median, std::optional<int> threshold, int close,
                         double contrast);
/// Opening and closing with an ellipse of `kernel` x `kernel` pixels: drops specks and fills pinholes. 0 or
/// 1: nothing.
void open_and_close(cv::Mat& mask, int kernel);

/// The most that a filter of this kernel takes, for masks of this size and for any shape of so many pixels.
std::size_t mask_scratch(int rows, int cols, int kernel);
std::size_t most_mask_scratch(std::size_t pixels, int kernel);

}  // namespace flowrun::wsi
