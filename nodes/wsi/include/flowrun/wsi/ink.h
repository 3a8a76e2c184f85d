// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// The colours of felt pens whose marks on the glass are told from tissue: "blue", "green", "red", "black".
const std::vector<std::string>& ink_colours();

/// Finds marks of felt pens by their colour: `rgb` is rows x cols x 3, 8 bit; the result rows x cols x 1, 255
/// where there is ink of one of `colours`. Ink is purer in colour than stained tissue: its dye lets one part
/// of the light through almost whole. Of OpenCV's hues (0 to 179) blue has 95 to 122 and a quarter at most of
/// the optical density of red in blue (the bluest hematoxylin has a third); green 35 to 85, half at most of
/// red's in green; red 174 to 6, 15 % at most of green's in red (blood beside cells has more); black is
/// neutral, up to value 50 (nuclei as dark are blue). Saturation is at least 110, 80 and 140. A thin film of
/// blood, and of blue ink on tissue, cannot be told from the other by colour: they count as tissue. Takes 5
/// bytes a pixel meanwhile. Throws std::out_of_range for other colours. Thread-safe.
cv::Mat find_ink(const cv::Mat& rgb, const std::vector<std::string>& colours);

}  // namespace flowrun::wsi
