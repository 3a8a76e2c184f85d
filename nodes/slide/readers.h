// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>
#include <openslide/openslide.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "nodes/image/tiff_pages.h"

namespace flowrun::wsi {

struct OpenSlideClose {
  void operator()(openslide_t* slide) const { openslide_close(slide); }
};
using OpenSlideHandle = std::unique_ptr<openslide_t, OpenSlideClose>;

/// The number that all of a property's text is, when it is finite and above 0.
std::optional<double> positive_number(std::string_view text);

/// What an Aperio slide's TIFF pages say of it, but for `path` and `name`; nothing when it is no Aperio
/// slide, or does not say its MPP. The same as OpenSlide says, which opens the file once for each tile of the
/// last level to make a hash of the slide: slow, the more on a network share.
std::optional<SlideFacts> aperio_facts(const std::vector<TiffPage>& pages);

/// Opens a slide by OpenSlide. Throws Error when it is none, or damaged.
OpenSlideHandle open_handle(const std::filesystem::path& path);

/// Reads any slide that OpenSlide knows. OpenSlide keeps decoded tiles itself, at most
/// Slide::cache_bytes of them (OpenSlide 3: for each open handle). A handle reads
/// no more once a read has failed (openslide.h): the slide is opened anew then, so that others can be read.
/// `pages`: of the slide, where it is a TIFF.
std::shared_ptr<PixelReader> openslide_reader(std::shared_ptr<const SlideFacts> facts,
                                              const std::vector<TiffPage>& pages, OpenSlideHandle handle);

/// Reads tiled TIFFs of 8-bit RGB whose levels are JPEG, Aperio's JPEG 2000, deflate, LZW, PackBits or not
/// compressed, by libjpeg, OpenJPEG and libtiff. A tile that the file leaves out is background. Throws Error
/// that says why when the slide is anything else.
std::shared_ptr<PixelReader> open_tiff_reader(const std::shared_ptr<const SlideFacts>& facts,
                                              const std::vector<TiffPage>& pages);

}  // namespace flowrun::wsi
