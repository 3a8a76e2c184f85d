// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>
#include <openslide/openslide.h>

#include <memory>

namespace flowrun::wsi {

struct OpenSlideClose {
  void operator()(openslide_t* slide) const { openslide_close(slide); }
};
using OpenSlideHandle = std::unique_ptr<openslide_t, OpenSlideClose>;

/// Reads any slide that OpenSlide knows. OpenSlide keeps decoded tiles itself, 32 MiB of them.
std::shared_ptr<PixelReader> openslide_reader(std::shared_ptr<const SlideFacts> facts,
                                              OpenSlideHandle handle);

/// Reads tiled TIFFs whose levels are JPEG, deflate or Aperio's RGB JPEG 2000 by libtiff and OpenJPEG. Throws
/// Error that says why when the slide is anything else.
std::shared_ptr<PixelReader> open_tiff_reader(const std::shared_ptr<const SlideFacts>& facts);

}  // namespace flowrun::wsi
