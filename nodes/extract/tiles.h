// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/error.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "grid.h"
#include "nodes/slide/picture.h"
#include "nodes/table/coordinates.h"
#include "sample.h"
#include "selection.h"

namespace flowrun::wsi {

/// The tiles of one slide that are kept, one after the other. next() is not thread-safe, read() is.
class Tiles {
 public:
  /// `places` may be null: then tiles lie on the grid.
  Tiles(std::shared_ptr<const Slide> slide, Grid grid, std::unique_ptr<CoordinateReader> places,
        Selection selection, const Caps& caps, int overlap, bool with_pixels)
      : slide_(std::move(slide)),
        grid_(std::move(grid)),
        places_(std::move(places)),
        selection_(std::move(selection)),
        overlap_(overlap),
        with_pixels_(with_pixels) {
    if (const auto mpp = slide_->facts().mpp) mpp_ = *mpp * grid_.extent() / grid_.size();
    if (!caps.per_slide && !caps.per_class) return;
    sampled_ = sample([this] { return next_of_all(); }, slide_->facts().name, caps);
  }

  std::optional<Chosen> next() {
    if (!sampled_) return next_of_all();
    if (next_sampled_ == sampled_->size()) return {};
    return (*sampled_)[next_sampled_++];
  }

  Tile read(const Chosen& chosen) const {
    Tile tile;
    if (with_pixels_) {
      tile.pixels.create(grid_.size(), grid_.size(), CV_8UC3);
      read_scaled(*slide_, grid_.level(), chosen.cell.column, chosen.cell.row,
                  {grid_.window(), grid_.window()}, tile.pixels);
    } else {
      tile.unread_size = grid_.size();
    }
    tile.x = chosen.cell.x;
    tile.y = chosen.cell.y;
    tile.level = grid_.level();
    tile.extent = grid_.extent();
    tile.mpp = mpp_;
    tile.coverage = chosen.coverage;
    tile.overlap = overlap_;
    tile.label = chosen.label;
    tile.untouched = !scaled();
    tile.slide = slide_->share_facts();
    return tile;
  }

  /// Bytes that reading a tile takes besides its own and those that every tile takes.
  std::size_t window_bytes() const {
    const cv::Size window(grid_.window(), grid_.window()), size(grid_.size(), grid_.size());
    return with_pixels_ && scaled() ? read_scaled_bytes(window, size) : 0;
  }

 private:
  bool scaled() const { return grid_.window() != grid_.size(); }

  std::optional<Chosen> next_of_all() {
    if (places_) return next_place();
    while (const auto cell = grid_.next())
      if (auto chosen = selection_.choose(*cell, grid_.extent())) return chosen;
    return {};
  }

  void check_on_slide(std::int64_t x, std::int64_t y) const {
    if (static_cast<double>(x) + grid_.extent() > 0 && static_cast<double>(y) + grid_.extent() > 0) return;
    throw Error(fmt::format("{}: its list of tiles has one at x {}, y {}, which is outside of the slide",
                            slide_->facts().path.string(), x, y));
  }

  std::optional<Chosen> next_place() {
    while (const auto place = places_->next()) {
      check_on_slide(place->x, place->y);
      if (auto chosen = selection_.choose(grid_.at(place->x, place->y), grid_.extent())) {
        if (!place->label.empty()) chosen->label = place->label;
        return chosen;
      }
    }
    return {};
  }

  const std::shared_ptr<const Slide> slide_;
  Grid grid_;
  std::unique_ptr<CoordinateReader> places_;
  Selection selection_;
  const int overlap_;
  const bool with_pixels_;
  std::optional<std::vector<Chosen>> sampled_;
  std::size_t next_sampled_ = 0;
  std::optional<double> mpp_;
};

/// Where the list of a slide's tiles may be: under its own name, or under TRIDENT's.
std::vector<std::filesystem::path> places_of(const std::vector<std::filesystem::path>& patterns,
                                             const std::string& slide) {
  auto paths = slide_files(patterns, slide);
  const std::string of_trident = trident_name(slide, slide + ".tif");
  if (of_trident != slide)
    for (auto& path : slide_files(patterns, of_trident))
      if (std::ranges::find(paths, path) == paths.end()) paths.push_back(std::move(path));
  return paths;
}

}  // namespace flowrun::wsi
