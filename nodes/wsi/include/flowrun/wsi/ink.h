// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// The colours of felt pens whose marks on the glass are told from tissue: "blue", "green", "red", "black".
const std::vector<std::string>& ink_colours();

/// Finds marks of felt pens by their colour: `rgb` is rows x cols x 3, 8 bit; the result rows x cols x 1, 255
/// where there is ink of one of `colours`. Ink is purer in colour than stained tissue and of another hue:
/// blue is greener than hematoxylin, red yellower than eosin (hues 95 to 122 and 174 to 6 of OpenCV's 180,
/// saturation from 110 and 140), black is darker than nuclei (value to 50). Fresh blood can pass for red ink.
/// Takes 5 bytes a pixel meanwhile. Throws std::out_of_range for other colours. Thread-safe.
cv::Mat find_ink(const cv::Mat& rgb, const std::vector<std::string>& colours);

}  // namespace flowrun::wsi
