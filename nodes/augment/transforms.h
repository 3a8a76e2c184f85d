// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

// All take images of rows x cols x 3, 8 bit, RGB, and return new ones of that kind and size.

/// Turns by `quarters` x 90 degrees clockwise, after mirroring left-right and top-bottom if asked for.
/// `quarters` is 0 to 3; sides change places with odd ones.
cv::Mat flip_and_turn(const cv::Mat& rgb, bool left_right, bool top_bottom, int quarters);

/// Turns about the centre by `degrees` counter-clockwise (as seen, y down), scales by `scale`, then moves by
/// (x, y) pixels. Bilinear; what comes from outside repeats the image mirrored, as black corners would teach
/// a model where they are.
cv::Mat affine(const cv::Mat& rgb, double degrees, double scale, double x, double y);

/// Factors of colour jitter; 1 (hue: 0) leaves things as they are. Formulas are those of torchvision's
/// adjust_brightness, adjust_contrast, adjust_saturation and adjust_hue, in this order, without rounding
/// between them:
///   brightness   v * brightness
///   contrast     v blended with the mean grey of the image
///   saturation   v blended with its own grey (0.299 R + 0.587 G + 0.114 B)
///   hue          turned by `hue` x 360 degrees in HSV
struct ColourChange {
  double brightness = 1, contrast = 1, saturation = 1, hue = 0;
};
cv::Mat change_colour(const cv::Mat& rgb, const ColourChange& change);

/// Changes the concentrations of haematoxylin, eosin and DAB: c * factor + shift, for each of the three
/// (Tellez et al., "Whole-slide mitosis detection in H&E breast histology using PHH3 as a reference to train
/// distilled stain-invariant convolutional networks", IEEE TMI 2018). Stain vectors: Ruifrok and Johnston
/// 2001, normalised; concentrations are those of optical densities -ln((v + 1) / 256).
struct StainChange {
  cv::Vec3d factor{1, 1, 1}, shift{0, 0, 0};
};
cv::Mat change_stain(const cv::Mat& rgb, const StainChange& change);

}  // namespace flowrun::wsi
