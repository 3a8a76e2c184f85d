// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>
#include <openslide/openslide.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

namespace flowrun::wsi {

struct OpenSlideClose {
  void operator()(openslide_t* slide) const { openslide_close(slide); }
};
using OpenSlideHandle = std::unique_ptr<openslide_t, OpenSlideClose>;

/// The number that all of a property's text is, when it is above 0.
std::optional<double> positive_number(std::string_view text);

/// What an Aperio slide's TIFF directories say of it, but for `path` and `name`; nothing when it is no Aperio
/// slide, or does not say its MPP. The same as OpenSlide says, which opens the file once for each tile of the
/// last level to make a hash of the slide: slow, the more on a network share.
std::optional<SlideFacts> aperio_facts(const std::filesystem::path& path);

/// Reads any slide that OpenSlide knows. OpenSlide keeps decoded tiles itself, 32 MiB of them.
std::shared_ptr<PixelReader> openslide_reader(std::shared_ptr<const SlideFacts> facts,
                                              OpenSlideHandle handle);

/// Reads tiled TIFFs whose levels are JPEG, deflate or Aperio's RGB JPEG 2000 by libtiff and OpenJPEG. Throws
/// Error that says why when the slide is anything else.
std::shared_ptr<PixelReader> open_tiff_reader(const std::shared_ptr<const SlideFacts>& facts);

}  // namespace flowrun::wsi
