// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <opencv2/core.hpp>

namespace flowrun::wsi {

cv::Mat& Tile::own_pixels() {
  // Memory that is not OpenCV's belongs to somebody else. The count is read by an atomic change of it, so
  // that what others did with the pixels before they let go has happened.
  const bool alone = pixels.u && CV_XADD(&pixels.u->refcount, 0) == 1;
  if (!alone) pixels = pixels.clone();
  return pixels;
}

const cv::Mat& rgb_of(const Tile& tile) {
  if (tile.pixels.type() != CV_8UC3)
    throw Error(fmt::format("the tile at x {}, y {} has one channel, a stain's; this stage needs R, G and B",
                            tile.x, tile.y));
  return tile.pixels;
}

}  // namespace flowrun::wsi
