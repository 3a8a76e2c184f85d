// SPDX-License-Identifier: Apache-2.0
#include "slide_opener.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <utility>

#include "slide_files.h"

namespace flowrun::wsi {

std::map<std::string, std::string> slide_identity(const ListedSlide& slide) {
  auto identity = file_identity(slide.path);
  for (const auto& file : slide.more_files)
    for (const auto& [what, value] : file_identity(file))
      identity[printable(file.filename().string()) + "." + what] = value;
  if (slide.mpp) identity["mpp"] = fmt::format("{}", *slide.mpp);
  return identity;
}

std::uint64_t bytes_of(const ListedSlide& slide) {
  std::uint64_t bytes = bytes_of(slide.path);
  for (const auto& file : slide.more_files) bytes += bytes_of(file);
  return bytes;
}

SlideOptions slide_options(std::optional<double> mpp, const std::string& backend, const std::string& color) {
  SlideOptions options{.mpp = mpp};
  if (backend != "auto") options.backend = backend == "tiff" ? Backend::tiff : Backend::openslide;
  if (color == "icc") options.color = Color::icc;
  return options;
}

Scopes scopes_of(std::vector<ListedSlide> slides, const SlideOptions& options, std::string failure) {
  const std::size_t count = slides.size() + (failure.empty() ? 0 : 1);
  auto next = [slides = std::move(slides), at = std::size_t{0}, options,
               failure = std::move(failure)]() mutable -> std::optional<NewScope> {
    if (at < slides.size()) {
      ListedSlide& slide = slides[at++];
      if (!slide.mpp) slide.mpp = options.mpp;  // the journal has what the run took
      SlideOptions own = options;
      own.mpp = slide.mpp;
      own.patient = slide.patient;
      auto make = [slide, own = std::move(own)](Outputs& out) {
        Slide opened = Slide::open(slide.path, slide.name, own);
        for (const std::string& note : opened.facts().notes)
          out.note(fmt::format("{}: {}", slide.name, note));
        out.emit("slide", std::move(opened));
      };
      return NewScope{slide.name, slide_identity(slide), std::move(make), bytes_of(slide)};
    }
    if (failure.empty()) return {};
    return NewScope{
        "not collected", {}, [message = std::exchange(failure, {})](Outputs&) { throw Error(message); }};
  };
  return {std::move(next), count};
}

}  // namespace flowrun::wsi
