// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "catalog.h"
#include "http_server.h"
#include "nodes/slide/open_slides.h"

namespace flowrun::view {

/// Answers what the page asks for. Paths name things by their number in tables that were made before, so none
/// leads anywhere else:
///
/// | path | what |
/// |---|---|
/// | `/`, `/app.js`, ... | the page's own files |
/// | `/slides.json` | names, by number |
/// | `/slides/N.json` | size, MPP, levels, bounds, names of layers |
/// | `/slides/N/K/X/Y.jpg` | 256 x 256 pixels from pixel (256 X, 256 Y) on of the slide scaled down 2^K times
/// | | `/slides/N/layers/I` | the file of a layer |
///
/// At most 4 slides are open, with 32 MiB of decoded tiles each. Thread-safe.
class Viewer {
 public:
  /// `page`: the folder with the page's own files, which are kept in memory. Throws Error when one is
  /// missing.
  Viewer(std::vector<Entry> entries, const std::filesystem::path& page);

  Answer answer(const std::string& path);

 private:
  Answer facts(std::size_t slide);
  Answer tile(std::size_t slide, int halvings, std::int64_t column, std::int64_t row);
  Answer layer(std::size_t slide, std::size_t number);

  const std::vector<Entry> entries_;
  std::map<std::string, Answer> fixed_;  // by path
  wsi::OpenSlides slides_;
};

}  // namespace flowrun::view
