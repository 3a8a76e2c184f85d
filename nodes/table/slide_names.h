// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <string>
#include <string_view>
#include <vector>

namespace flowrun::wsi {

/// The file name in `text` (a name or a path) without a slide's extension: "a/x.svs" and "x" give "x". Other
/// dots stay, as in "TCGA-CR-7395-01A-01-TS1.4ef0".
std::string slide_stem(std::string_view text);

/// Whether `text`, as tables name slides, means this slide: its name, or its file's name with or without the
/// extension; folders before it do not count.
bool names_slide(std::string_view text, const SlideFacts& slide);

/// What TRIDENT calls the slide in a file: its name, but "case" where it is "case.ome" for "case.ome.tif", as
/// TRIDENT takes both extensions off .ome.tif and .ome.tiff.
std::string trident_name(std::string_view slide, std::string_view file);

/// The file extensions of the formats that OpenSlide reads, to version 4.0, in lower case, with their dots,
/// sorted (https://openslide.org/formats/).
const std::vector<std::string>& slide_extensions();
/// Those of files of features that are read.
const std::vector<std::string>& feature_extensions();

/// Whether the file name has one of the extensions, in any case.
bool has_extension(std::string_view name, const std::vector<std::string>& extensions = slide_extensions());

}  // namespace flowrun::wsi
