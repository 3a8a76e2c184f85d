// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "catalog.h"
#include "http_server.h"
#include "live_runs.h"
#include "nodes/slide/open_slides.h"

namespace flowrun::view {

/// Answers what the page asks for. Paths name things by their number in tables that the viewer made, so none
/// leads anywhere else:
///
/// | path | what |
/// |---|---|
/// | `/`, `/app.js`, ... | the page's own files |
/// | `/slides.json` | names, by number |
/// | `/slides/N.json` | size, MPP, levels, bounds, names of layers |
/// | `/slides/N/K/X/Y.jpg` | 256 x 256 pixels from pixel (256 X, 256 Y) on of the slide scaled down 2^K times
/// | `/slides/N/layers/I` | the file of a layer |
/// | `/slides/N/layers/I/tiles/X/Y` | of a layer tiles.csv: the tile's image that was saved beside it |
/// | `/slides/N/cut/L/X/Y/W/S.png` | W x W pixels of level L from level-0 pixel (X, Y) on, S x S pixels large
/// | | `/live/N` | server-sent events until no run goes on: what runs are doing, and names of slides from N
/// on
/// |
///
/// At most 4 slides are open, with 32 MiB of decoded tiles each. Thread-safe.
class Viewer {
 public:
  /// `places`: see Catalog. `page`: the folder with the page's own files, which are kept in memory. Throws
  /// Error when one is missing.
  Viewer(const std::vector<std::filesystem::path>& places, const std::filesystem::path& page);

  Answer answer(const std::string& path);

 private:
  Answer facts(std::size_t slide);
  Answer tile(std::size_t slide, int halvings, std::int64_t column, std::int64_t row);
  Answer layer(std::size_t slide, std::size_t number);
  Answer saved_tile(std::size_t slide, std::size_t layer, std::int64_t x, std::int64_t y);
  Answer cut(std::size_t slide, int level, std::int64_t x, std::int64_t y, int window, int side);
  Answer live(std::size_t known);

  Catalog catalog_;
  std::map<std::string, Answer> fixed_;  // by path
  wsi::OpenSlides slides_;
  LiveRuns runs_;
};

}  // namespace flowrun::view
