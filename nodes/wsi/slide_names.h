// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <string>
#include <string_view>

namespace flowrun::wsi {

/// The file name in `text` (a name or a path) without a slide's extension: "a/x.svs" and "x" give "x". Other
/// dots stay, as in "TCGA-CR-7395-01A-01-TS1.4ef0".
std::string slide_stem(std::string_view text);

/// Whether `text`, as tables name slides, means this slide: its name, or its file's name with or without the
/// extension; folders before it do not count.
bool names_slide(std::string_view text, const SlideFacts& slide);

/// Whether the file name ends like that of a slide, in any case.
bool has_slide_extension(std::string_view name);

}  // namespace flowrun::wsi
