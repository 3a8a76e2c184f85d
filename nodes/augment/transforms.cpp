// SPDX-License-Identifier: Apache-2.0
#include "transforms.h"

#include <cmath>
#include <opencv2/imgproc.hpp>

#include "nodes/stain/density_map.h"
#include "nodes/stain/stain_colours.h"

namespace flowrun::wsi {
namespace {

const cv::Matx13f grey_weights(0.299F, 0.587F, 0.114F);

/// v * share + other * (1 - share), kept within 0 to 255 as torchvision does after each step.
void blend(cv::Mat& rgb, const cv::Mat& other, double share) {
  cv::addWeighted(rgb, share, other, 1 - share, 0, rgb);
  cv::min(rgb, 255, rgb);
  cv::max(rgb, 0, rgb);
}

cv::Mat grey_of(const cv::Mat& rgb) {
  cv::Mat grey;
  cv::transform(rgb, grey, grey_weights);
  return grey;
}

void turn_hue(cv::Mat& rgb, double turns) {
  cv::Mat hsv;
  rgb *= 1 / 255.0;
  cv::cvtColor(rgb, hsv, cv::COLOR_RGB2HSV);  // of floats: H in degrees, S and V in 0 to 1
  const auto degrees = static_cast<float>(turns * 360);
  for (int row = 0; row < hsv.rows; ++row)
    for (int column = 0; column < hsv.cols; ++column) {
      float& hue = hsv.at<cv::Vec3f>(row, column)[0];
      hue += degrees;
      hue -= 360 * std::floor(hue / 360);
    }
  cv::cvtColor(hsv, rgb, cv::COLOR_HSV2RGB);
  rgb *= 255;
}

/// Rows: optical densities of hematoxylin, eosin and DAB in R, G, B, of unit length.
cv::Matx33d stains() {
  cv::Matx33d rows = stain_colours().t();
  for (int i = 0; i < 3; ++i) {
    const double length = cv::norm(rows.row(i));
    for (int j = 0; j < 3; ++j) rows(i, j) /= length;
  }
  return rows;
}

}  // namespace

cv::Mat flip_and_turn(const cv::Mat& rgb, bool left_right, bool top_bottom, int quarters) {
  const bool flips = left_right || top_bottom;
  cv::Mat flipped, turned;
  if (flips) cv::flip(rgb, flipped, left_right && top_bottom ? -1 : left_right ? 1 : 0);
  if (quarters == 0) return flips ? flipped : rgb.clone();
  cv::rotate(flips ? flipped : rgb, turned,
             quarters == 1   ? cv::ROTATE_90_CLOCKWISE
             : quarters == 2 ? cv::ROTATE_180
                             : cv::ROTATE_90_COUNTERCLOCKWISE);
  return turned;
}

cv::Mat affine(const cv::Mat& rgb, double degrees, double scale, double x, double y) {
  const cv::Point2f centre((static_cast<float>(rgb.cols) - 1) / 2, (static_cast<float>(rgb.rows) - 1) / 2);
  cv::Mat forward = cv::getRotationMatrix2D(centre, degrees, scale);
  forward.at<double>(0, 2) += x;
  forward.at<double>(1, 2) += y;
  cv::Mat out;
  cv::warpAffine(rgb, out, forward, rgb.size(), cv::INTER_LINEAR, cv::BORDER_REFLECT_101);
  return out;
}

cv::Mat change_colour(const cv::Mat& rgb, const ColourChange& change) {
  cv::Mat pixels;
  rgb.convertTo(pixels, CV_32FC3);
  if (change.brightness != 1) blend(pixels, cv::Mat::zeros(pixels.size(), pixels.type()), change.brightness);
  if (change.contrast != 1)
    blend(pixels, cv::Mat(pixels.size(), pixels.type(), cv::Scalar::all(cv::mean(grey_of(pixels))[0])),
          change.contrast);
  if (change.saturation != 1) {
    cv::Mat grey;
    cv::cvtColor(grey_of(pixels), grey, cv::COLOR_GRAY2RGB);
    blend(pixels, grey, change.saturation);
  }
  if (change.hue != 0) turn_hue(pixels, change.hue);
  cv::Mat out;
  pixels.convertTo(out, CV_8UC3);
  return out;
}

cv::Mat change_stain(const cv::Mat& rgb, const StainChange& change) {
  // (c * factor + shift) * stains, with c = od * inverse(stains), is od * matrix + offset.
  const cv::Matx33d base = stains();
  const cv::Matx33d matrix = base.inv() * cv::Matx33d::diag(change.factor) * base;
  const cv::Vec3d offset = base.t() * change.shift;
  cv::Mat out = rgb.clone();
  DensityMap(matrix.t(), offset, 256, -0.5).apply(out);  // -1 of the density, half a level to round
  return out;
}

}  // namespace flowrun::wsi
