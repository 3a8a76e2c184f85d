// SPDX-License-Identifier: Apache-2.0
#include "slide_opener.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <utility>

#include "slide_files.h"

namespace flowrun::wsi {
Backend backend_named(const std::string& name) {
  return name == "tiff" ? Backend::tiff : name == "openslide" ? Backend::openslide : Backend::automatic;
}

Scopes scopes_of(std::vector<ListedSlide> slides, std::optional<double> mpp, Backend backend,
                 std::string failure) {
  const std::size_t count = slides.size() + (failure.empty() ? 0 : 1);
  auto next = [slides = std::move(slides), at = std::size_t{0}, mpp, backend,
               failure = std::move(failure)]() mutable -> std::optional<NewScope> {
    if (at < slides.size()) {
      const ListedSlide& slide = slides[at++];
      auto identity = file_identity(slide.path);
      if (slide.mpp) identity["mpp"] = fmt::format("{}", *slide.mpp);
      return NewScope{slide.name, std::move(identity), [slide, mpp, backend](Outputs& out) {
                        Slide opened = Slide::open(slide.path, slide.name, slide.mpp ? slide.mpp : mpp,
                                                   backend, slide.patient);
                        for (const std::string& note : opened.facts().notes)
                          out.note(fmt::format("{}: {}", slide.name, note));
                        out.emit("slide", std::move(opened));
                      }};
    }
    if (failure.empty()) return {};
    return NewScope{
        "not collected", {}, [message = std::exchange(failure, {})](Outputs&) { throw Error(message); }};
  };
  return {std::move(next), count};
}

}  // namespace flowrun::wsi
