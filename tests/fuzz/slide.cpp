// SPDX-License-Identifier: Apache-2.0
/// Slides of any format, by both readers: there are pixels or an Error.
#include <flowrun/error.h>
#include <flowrun/wsi/slide.h>

#include <algorithm>
#include <vector>

#include "input_file.h"
#include "lease.h"

using namespace flowrun;

namespace {

constexpr int side = 96;
/// A window in the corner, in the middle, and over the end of each of some levels; a tile as it is.
void read_some(const wsi::Slide& slide) {
  cv::Mat rgb(side, side, CV_8UC3);
  std::vector<std::uint8_t> jpeg;
  for (int i = 0; i < std::min(slide.level_count(), 4); ++i) {
    const wsi::Level& level = slide.level(i);
    const auto attempt = [](const auto& read) {
      try {
        read();
      } catch (const Error&) {  // another place may be whole
      }
    };
    attempt([&] { slide.read(i, -10, -10, rgb); });
    attempt([&] { slide.read(i, level.width / 2, level.height / 2, rgb); });
    attempt([&] { slide.read(i, level.width - 40, level.height - 30, rgb); });
    attempt([&] { slide.copy_jpeg_tile(i, 0, 0, level.tile_width, jpeg); });
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::InputFile file(data, size);
  for (const auto backend : {wsi::Backend::tiff, wsi::Backend::openslide}) try {
      const fuzz::Lease lease(wsi::Slide::cache_bytes +
                              side * side * (3 + wsi::PixelReader::scratch_per_pixel));
      read_some(wsi::Slide::open(file.path(), "slide", {.backend = backend}));
    } catch (const Error&) {
    }
  return 0;
}
