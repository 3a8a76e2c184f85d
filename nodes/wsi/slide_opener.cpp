// SPDX-License-Identifier: Apache-2.0
#include "slide_opener.h"

#include <chrono>
#include <filesystem>
#include <map>
#include <utility>

namespace flowrun::wsi {
namespace {

/// What tells a slide file from a changed one of the same name.
std::map<std::string, std::string> identity_of(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path, ignored);
  const auto modified = std::filesystem::last_write_time(path, ignored).time_since_epoch();
  return {
      {"path", printable(path.string())},
      {"bytes", std::to_string(size)},
      {"modified", std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(modified).count())}};
}

}  // namespace

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
  return Work{open, NewScope{slide.name, identity_of(slide.path)}};
}

std::optional<std::uint64_t> SlideOpener::total() const {
  return slides_.size() + (failure_.empty() ? 0 : 1);
}

}  // namespace flowrun::wsi
