// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace flowrun::wsi::collect {

/// What a file is, by its name alone.
enum class Kind {
  slide,
  mirax,           ///< a slide that has most of its data in a folder of its stem's name beside it
  log,             ///< *.log
  scattered,       ///< .vms, .vmu or .dcm: a slide with parts in files beside it
  unwanted_slide,  ///< a format that OpenSlide reads, but not among the extensions asked for
  other
};

/// The extensions of slides to collect if none are given: those of OpenSlide but .vms, .vmu and .dcm, whose
/// parts have to keep their names and to stay beside them, so that two such slides cannot share a folder.
std::vector<std::string> default_extensions();

/// Makes ".svs" of "svs", " .SVS": lower case, with a dot, each once. A text may hold several, separated by
/// commas. Throws OptionError naming `option` for what cannot be an extension, and for .vms, .vmu
/// and .dcm.
std::vector<std::string> parse_extensions(const std::string& option, const std::vector<std::string>& texts);

/// Case does not matter. Hidden files (".x.svs", "._x.svs" of macOS) are no slides.
Kind kind_of(std::string_view name, const std::vector<std::string>& extensions);

bool is_hidden(std::string_view name);
/// A folder called `logs`, in any case.
bool is_log_folder(std::string_view name);
/// The name without its last extension.
std::string_view stem_of(std::string_view name);

}  // namespace flowrun::wsi::collect
