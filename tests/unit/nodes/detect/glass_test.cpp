// SPDX-License-Identifier: Apache-2.0
// What is glass and what is not: blank slides, frames, pale tissue beside dark one.
#include <doctest/doctest.h>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "nodes/detect/detect.h"
#include "nodes/detect/frames.h"
#include "nodes/detect/glass_level.h"
#include "nodes/detect/thresholds.h"
#include "nodes/image/hsv.h"

using namespace flowrun::wsi;

namespace {

const cv::Size size(640, 480);
const cv::Scalar glass(243, 242, 244), he(205, 130, 180), pale(226, 222, 230), dab(110, 70, 45);

/// Colours with a camera's noise, the same in all channels and of each its own.
cv::Mat noisy(const cv::Mat& rgb, double deviation) {
  static cv::RNG random(11);
  cv::Mat grey(rgb.size(), CV_32FC1), own(rgb.size(), CV_32FC3), sum;
  random.fill(grey, cv::RNG::NORMAL, 0, deviation);
  random.fill(own, cv::RNG::NORMAL, 0, deviation / 3);
  cv::cvtColor(grey, sum, cv::COLOR_GRAY2BGR);
  cv::Mat out;
  rgb.convertTo(out, CV_32F);
  out += sum + own;
  out.convertTo(out, CV_8U);
  return out;
}

cv::Mat blank() {
  return cv::Mat(size, CV_8UC3, glass);
}

/// An ellipse of a colour in a blank slide, and its mask.
struct Drawn {
  cv::Mat rgb = blank();
  cv::Mat mask{size, CV_8UC1, cv::Scalar(0)};

  Drawn& ellipse(cv::Point middle, cv::Size half, const cv::Scalar& colour) {
    cv::ellipse(rgb, middle, half, 20, 0, 360, colour, cv::FILLED);
    cv::ellipse(mask, middle, half, 20, 0, 360, 255, cv::FILLED);
    return *this;
  }
};

cv::Mat found(const char* method, cv::Mat rgb) {
  rgb = rgb.clone();
  cv::Mat scores(rgb.size(), CV_8UC1);
  const std::string name = method;
  if (name == "saturation" || name == "saturation, otsu") {
    saturation_of({}).of(rgb, scores);
    threshold_saturated(scores, 7, name == "saturation" ? std::optional(8) : std::nullopt, 4, 5);
    return scores;
  }
  (name == "otsu" ? luma_of({}) : darkest_of({})).of(rgb, scores);
  if (name == "otsu")
    threshold_dark(scores, 12);
  else
    threshold_below_glass(scores, 12);
  open_and_close(scores, 5);
  return scores;
}

double share(const cv::Mat& mask) {
  return static_cast<double>(cv::countNonZero(mask)) / static_cast<double>(mask.total());
}

double overlap(const cv::Mat& a, const cv::Mat& b) {
  return static_cast<double>(cv::countNonZero(a & b)) / static_cast<double>(cv::countNonZero(a | b));
}

const char* const methods[] = {"otsu", "glass", "saturation", "saturation, otsu"};

}  // namespace

TEST_CASE("a blank slide has no tissue, whatever its noise and however uneven its light") {
  for (const char* const method : methods) {
    CAPTURE(method);
    for (const double deviation : {0.0, 0.5, 1.5, 3.0}) {
      CAPTURE(deviation);
      CHECK(share(found(method, noisy(blank(), deviation))) == 0);
    }
    cv::Mat uneven = blank();
    for (int x = 0; x < uneven.cols; ++x) uneven.col(x) -= cv::Scalar::all(10.0 * x / uneven.cols);
    CHECK(share(found(method, noisy(uneven, 1))) < 0.01);
  }
  CHECK(share(found("otsu", noisy(blank(), 5))) < 0.01);
  CHECK(share(found("glass", noisy(blank(), 5))) < 0.01);
}

TEST_CASE("white padding beside blank glass makes no tissue of the glass, and little tissue is found") {
  for (const char* const method : {"otsu", "glass"})
    for (const int half : {0, 12}) {
      CAPTURE(method);
      CAPTURE(half);
      const Drawn drawn = Drawn().ellipse({320, 320}, {half, half}, he);
      cv::Mat rgb = noisy(drawn.rgb - cv::Scalar::all(7), 1.5);
      noisy(cv::Mat(250, 640, CV_8UC3, cv::Scalar::all(255)), 1).copyTo(rgb.rowRange(0, 250));
      const cv::Mat mask = found(method, rgb);
      if (half == 0)
        CHECK(share(mask) == 0);
      else
        CHECK(overlap(mask, drawn.mask) > 0.9);
    }
}

TEST_CASE("tissue is found, pale or dark, in any amount") {
  for (const cv::Scalar& colour : {he, pale, dab})
    for (const int half : {10, 60, 200}) {
      CAPTURE(colour);
      CAPTURE(half);
      const Drawn drawn = Drawn().ellipse({320, 240}, {half, half}, colour);
      for (const char* const method : {"otsu", "glass"}) {
        CAPTURE(method);
        CHECK(overlap(found(method, noisy(drawn.rgb, 1.5)), drawn.mask) > 0.9);
      }
    }
}

TEST_CASE("method glass finds pale tissue beside strong DAB, on any glass and beside white padding") {
  for (const double darker : {0.0, 15.0, 40.0})
    for (const bool padded : {false, true}) {
      CAPTURE(darker);
      CAPTURE(padded);
      Drawn drawn = Drawn().ellipse({160, 240}, {110, 90}, pale).ellipse({460, 240}, {90, 120}, dab);
      cv::Mat rgb = drawn.rgb - cv::Scalar::all(darker);
      rgb = noisy(rgb, 1.5);
      if (padded && darker < 15) rgb.rowRange(0, 60).setTo(cv::Scalar::all(255));
      if (padded && darker < 15)
        noisy(rgb.rowRange(0, 60), 1).copyTo(rgb.rowRange(0, 60));  // as codecs blur it
      CHECK(overlap(found("glass", rgb), drawn.mask) > 0.95);
    }
}

TEST_CASE("black frames are no tissue, with the noise of a JPEG or without") {
  for (const char* const method : methods)
    for (const double deviation : {0.0, 1.0}) {
      CAPTURE(method);
      CAPTURE(deviation);
      Drawn drawn = Drawn().ellipse({320, 240}, {100, 80}, he);
      cv::Mat rgb = noisy(drawn.rgb, 1.5), framed = rgb.clone();
      // What was scanned is stepped, as strips of a scanner are.
      const cv::Rect frame[] = {
          {0, 0, 640, 60}, {0, 0, 80, 480}, {560, 60, 80, 200}, {600, 260, 40, 220}, {80, 450, 520, 30}};
      const cv::Mat black_noise = noisy(cv::Mat(size, CV_8UC3, cv::Scalar::all(3)), deviation);
      for (const cv::Rect& part : frame) black_noise(part).copyTo(framed(part));
      const cv::Mat mask = found(method, framed);
      CHECK(overlap(mask, drawn.mask) > 0.9);
      for (const cv::Rect& part : frame) CHECK(cv::countNonZero(mask(part)) < 0.01 * part.area());
      // A blank slide in a frame is blank.
      cv::Mat nothing = noisy(blank(), 1.5);
      for (const cv::Rect& part : frame) black_noise(part).copyTo(nothing(part));
      CHECK(share(found(method, nothing)) < 0.01);
    }
}

TEST_CASE("what is black but no frame is left alone") {
  cv::Mat luma(200, 300, CV_8UC1, cv::Scalar(240));
  luma(cv::Rect(100, 100, 50, 50)).setTo(0);  // within the picture
  luma(cv::Rect(0, 20, 5, 7)).setTo(10);      // a nucleus at the edge
  const cv::Mat before = luma.clone();
  CHECK_FALSE(mark_frames(luma));
  CHECK(cv::norm(luma, before, cv::NORM_INF) == 0);
  luma.colRange(290, 300).setTo(black);
  luma.at<std::uint8_t>(50, 289) = black + 1;
  CHECK(mark_frames(luma));
  CHECK(cv::countNonZero(luma.colRange(290, 300)) == 0);
  CHECK(luma.at<std::uint8_t>(50, 289) == black + 1);
  CHECK(luma.at<std::uint8_t>(120, 120) == 1);
  CHECK(cv::countNonZero(luma == 0) == 10 * 200);
}

TEST_CASE("hue, saturation and value are OpenCV's but for dark grey that is tinted") {
  cv::Mat rgb(64, 64, CV_8UC3), expected;
  cv::randu(rgb, cv::Scalar::all(0), cv::Scalar::all(256));
  cv::cvtColor(rgb, expected, cv::COLOR_RGB2HSV);
  to_hsv(rgb);
  CHECK(cv::norm(rgb, expected, cv::NORM_INF) == 0);
  cv::Mat tinted(1, 40, CV_8UC3, cv::Scalar(2, 1, 3));
  tinted.at<cv::Vec3b>(7) = {200, 10, 10};  // ends a run of seven
  to_hsv(tinted);
  CHECK(tinted.at<cv::Vec3b>(0)[1] == 170);  // 255 * 2 / 3
  for (int x = 8; x < 40; ++x) CHECK(tinted.at<cv::Vec3b>(x) == cv::Vec3b(0, 0, 3));
}
