// SPDX-License-Identifier: Apache-2.0
/// The JPEG stream of a slide's only tile, of 64 x 64 pixels, by both readers: there are pixels or an Error.
#include <flowrun/error.h>
#include <flowrun/wsi/slide.h>

#include <vector>

#include "input_file.h"
#include "lease.h"
#include "nodes/image/tiff_writer.h"

using namespace flowrun;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int side = 64;
  const fuzz::InputFile file;
  if (size == 0) return 0;  // a tile that is left out is another matter
  {
    wsi::TiffWriter tiff(file.descriptor(), "slide", false);
    wsi::TiffLevel level;
    level.width = level.height = level.tile = side;
    tiff.begin_level(level);
    tiff.write_tile(0, {data, size});
    tiff.end_level();
  }
  for (const auto backend : {wsi::Backend::tiff, wsi::Backend::openslide}) try {
      const fuzz::Lease lease(wsi::Slide::cache_bytes +
                              side * side * (3 + wsi::PixelReader::scratch_per_pixel));
      const wsi::Slide slide = wsi::Slide::open(file.path(), "slide", {.mpp = 0.5, .backend = backend});
      cv::Mat rgb(side, side, CV_8UC3);
      slide.read(0, 0, 0, rgb);
    } catch (const Error&) {
    }
  return 0;
}
