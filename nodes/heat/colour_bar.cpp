// SPDX-License-Identifier: Apache-2.0
#include "colour_bar.h"

#include <fmt/format.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "tile_means.h"

namespace flowrun::wsi {
namespace {

constexpr int font = cv::FONT_HERSHEY_SIMPLEX;
constexpr double font_scale = 0.4;
constexpr int least_width = 320, margin = 8, line = 16, bar = 12, numbers = 5;

}  // namespace

void write_text(cv::Mat& picture, const std::string& text, cv::Point at) {
  cv::putText(picture, text, at, font, font_scale, cv::Scalar::all(0), 1, cv::LINE_AA);
}

int text_width(const std::string& text) {
  return cv::getTextSize(text, font, font_scale, 1, nullptr).width;
}

cv::Mat with_colour_bar(const cv::Mat& picture, const std::string& shown, double low, double high) {
  const int width = std::max(picture.cols, least_width), height = 2 * margin + 2 * line + bar;
  cv::Mat all(picture.rows + height, width, CV_8UC3, cv::Scalar::all(255));
  picture.copyTo(all({{}, picture.size()}));
  const int left = 3 * margin, length = width - 2 * left, top = picture.rows + margin + line;
  write_text(all, shown, {left, top - margin / 2});
  cv::Mat grey(bar, length, CV_8U);
  for (int x = 0; x < length; ++x)
    grey.col(x).setTo(cv::Scalar::all(cvRound(255.0 * x / std::max(1, length - 1))));
  heat_colours(grey).copyTo(all({left, top, length, bar}));
  for (int i = 0; i < numbers; ++i) {
    const double share = static_cast<double>(i) / (numbers - 1);
    const std::string number = fmt::format("{:.3g}", low + share * (high - low));
    const int x = left + cvRound(share * (length - 1)), middle = x - text_width(number) / 2;
    cv::line(all, {x, top + bar}, {x, top + bar + margin / 2}, cv::Scalar::all(0));
    write_text(all, number, {std::clamp(middle, 0, width - text_width(number)), top + bar + line});
  }
  return all;
}

}  // namespace flowrun::wsi
