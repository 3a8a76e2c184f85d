// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>

namespace flowrun::wsi {

/// The picture (rows x cols x 3, 8 bit, RGB) with a bar of heat_colours() below it and what numbers they
/// stand for: five of them, from `low` at the left to `high` at the right, below `shown`, what the numbers
/// are. At least 320 pixels wide, white beside the picture, which stays in the upper left corner as it is.
cv::Mat with_colour_bar(const cv::Mat& picture, const std::string& shown, double low, double high);

/// Text in black, its left end at the point, which is on its base line. Letters that are not ASCII show as
/// question marks.
void write_text(cv::Mat& picture, const std::string& text, cv::Point at);
int text_width(const std::string& text);

}  // namespace flowrun::wsi
