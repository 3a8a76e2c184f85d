// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/packets.h>
#include <flowrun/wsi/slide.h>

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nodes/table/slide_list.h"

namespace flowrun::wsi {

/// Bytes of an open slide: handles, tile tables and the like come on top of the pixels.
constexpr std::size_t open_slide_bytes = Slide::cache_bytes + (std::size_t{2} << 20);

/// How slides are opened, by the options mpp, backend (auto, openslide, tiff) and color (stored, icc) of a
/// node.
SlideOptions slide_options(std::optional<double> mpp, const std::string& backend, const std::string& color);

/// By which a later run sees whether the slide is another: path, size and time of the last change of each of
/// its files, and its MPP where the list has it.
std::map<std::string, std::string> slide_identity(const ListedSlide& slide);

/// The bytes of all of its files; one that cannot be looked at counts as none.
std::uint64_t bytes_of(const ListedSlide& slide);

/// Opens slides in the order of a list, each in a scope of its own, and emits them on port `slide`. A slide's
/// identity is slide_identity(). The list's MPP comes first, then that of `options`, then what the file says;
/// what is doubtful about it becomes a note. `failure`: what went wrong in finding the slides; it is reported
/// after them, as the failure of a scope called "not collected".
Scopes scopes_of(std::vector<ListedSlide> slides, const SlideOptions& options, std::string failure = {});

}  // namespace flowrun::wsi
