// SPDX-License-Identifier: Apache-2.0
#include "contact_sheet.h"

#include <algorithm>
#include <cmath>

#include "colour_bar.h"
#include "nodes/slide/picture.h"

namespace flowrun::wsi {
namespace {

constexpr int base_line = 14;  // of text, below the upper end of its line

/// From the coarsest level that is as fine as the sheet.
void show(const Slide& slide, double extent, const SheetRow::Tile& tile, cv::Mat to) {
  const int level = slide.level_for(std::max(1.0, extent / sheet_tile));
  const double downsample = slide.level(level).downsample;
  const auto scaled = [&](double at) { return std::llround(at / downsample); };
  const int side = std::max(1, static_cast<int>(scaled(extent)));
  cv::Mat rgb(sheet_tile, sheet_tile, CV_8UC3);
  read_scaled(slide, level, scaled(static_cast<double>(tile.x)), scaled(static_cast<double>(tile.y)),
              {side, side}, rgb);
  rgb.copyTo(to);
}

}  // namespace

std::size_t contact_sheet_bytes(std::size_t rows, std::size_t columns) {
  constexpr std::size_t bytes_per_pixel = 3, tile = sheet_tile * sheet_tile * bytes_per_pixel;
  constexpr std::size_t height = sheet_tile + 2 * sheet_caption, step = sheet_tile + sheet_margin;
  return rows * height * (sheet_margin + columns * step) * bytes_per_pixel + tile + read_scaled_bytes();
}

cv::Mat contact_sheet(const Slide& slide, double extent, const std::vector<SheetRow>& rows) {
  std::size_t columns = 1;
  int width = 0;
  for (const SheetRow& row : rows) {
    columns = std::max(columns, row.tiles.size());
    width = std::max(width, 2 * sheet_margin + text_width(row.title));
  }
  constexpr int step = sheet_tile + sheet_margin, height = sheet_tile + 2 * sheet_caption;
  cv::Mat sheet(height * static_cast<int>(rows.size()),
                std::max(width, sheet_margin + step * static_cast<int>(columns)), CV_8UC3,
                cv::Scalar::all(255));
  int top = 0;
  for (const SheetRow& row : rows) {
    write_text(sheet, row.title, {sheet_margin, top + base_line});
    int left = sheet_margin;
    for (const SheetRow::Tile& tile : row.tiles) {
      show(slide, extent, tile, sheet({left, top + sheet_caption, sheet_tile, sheet_tile}));
      write_text(sheet, tile.below, {left, top + sheet_caption + sheet_tile + base_line});
      left += step;
    }
    top += height;
  }
  return sheet;
}

}  // namespace flowrun::wsi
