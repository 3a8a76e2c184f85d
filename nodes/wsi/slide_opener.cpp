// SPDX-License-Identifier: Apache-2.0
#include "slide_opener.h"

#include <utility>

#include "slide_files.h"

namespace flowrun::wsi {
Backend backend_named(const std::string& name) {
  return name == "tiff" ? Backend::tiff : name == "openslide" ? Backend::openslide : Backend::automatic;
}

SlideOpener::SlideOpener(std::vector<ListedSlide> slides, std::optional<double> mpp, Backend backend,
                         std::string failure)
    : slides_(std::move(slides)), mpp_(mpp), backend_(backend), failure_(std::move(failure)) {}

std::optional<Work> SlideOpener::next() {
  if (next_ == slides_.size()) {
    if (failure_.empty()) return {};
    const auto fail = [message = std::exchange(failure_, {})](Outputs&) { throw Error(message); };
    return Work{fail, NewScope{"not collected", {}}};
  }
  const ListedSlide& slide = slides_[next_++];
  const auto open = [this, &slide](Outputs& out) {
    out.emit("slide", Slide::open(slide.path, slide.name, mpp_, backend_));
  };
  return Work{open, NewScope{slide.name, file_identity(slide.path)}};
}

std::optional<std::uint64_t> SlideOpener::total() const {
  return slides_.size() + (failure_.empty() ? 0 : 1);
}

}  // namespace flowrun::wsi
