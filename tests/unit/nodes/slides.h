// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "nodes/synth/synth.h"
#include "support.h"

namespace flowrun::test {

/// A small slide, made once for all tests of this process: 2600 x 1900 pixels at 0.5 microns.
inline const std::filesystem::path& small_slide() {
  static const TemporaryFolder folder;
  static const std::filesystem::path path = [] {
    wsi::SynthOptions options;
    options.width = 2600;
    options.height = 1900;
    wsi::write_synthetic_slide(folder / "small.svs", options);
    return folder / "small.svs";
  }();
  return path;
}

/// A real slide beside the checkout, or an empty path when there are none.
inline std::filesystem::path real_slide(const std::string& name) {
  const auto path = std::filesystem::path(FLOWRUN_SOURCE).parent_path() / "shared" / "slides" / name;
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

}  // namespace flowrun::test
