// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// Tiles to be shown beside each other, each with a text below it.
struct SheetRow {
  struct Tile {
    std::int64_t x = 0, y = 0;  ///< level-0 pixels
    std::string below;
  };
  std::string title;
  std::vector<Tile> tiles;
};

/// Squares of a slide as they look, `extent` level-0 pixels wide, each scaled to `sheet_tile` pixels: rows x
/// cols x 3, 8 bit, RGB, on white. Throws Error as PixelReader::read.
cv::Mat contact_sheet(const Slide& slide, double extent, const std::vector<SheetRow>& rows);
constexpr int sheet_tile = 192;    ///< pixels
constexpr int sheet_margin = 8;    ///< pixels around tiles
constexpr int sheet_caption = 20;  ///< pixels above a row, and below it
/// Bytes that a sheet of so many rows and columns takes, what reads its tiles included. Titles are no wider.
std::size_t contact_sheet_bytes(std::size_t rows, std::size_t columns);

}  // namespace flowrun::wsi
