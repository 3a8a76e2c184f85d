// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/node.h>
#include <flowrun/wsi/slide.h>

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "slide_list.h"

namespace flowrun::wsi {

/// Bytes of an open slide: handles, tile tables and the like come on top of the pixels.
constexpr std::size_t open_slide_bytes = Slide::cache_bytes + (std::size_t{2} << 20);

/// The backend for an option's value: auto, openslide or tiff.
Backend backend_named(const std::string& name);

/// Opens slides in the order of a list, each in a scope of its own, and emits them on port `slide`. A slide's
/// identity is its path, its size and the time of its last change.
class SlideOpener final : public Generator {
 public:
  /// `mpp` overrides what the files say. `failure`: what went wrong in finding the slides; it is reported
  /// after them, as the failure of a scope called "not collected".
  SlideOpener(std::vector<ListedSlide> slides, std::optional<double> mpp, Backend backend,
              std::string failure = {});

  std::optional<Work> next() override;
  std::optional<std::uint64_t> total() const override;

 private:
  const std::vector<ListedSlide> slides_;
  const std::optional<double> mpp_;
  const Backend backend_;
  std::string failure_;
  std::size_t next_ = 0;
};

}  // namespace flowrun::wsi
