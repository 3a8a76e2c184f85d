// SPDX-License-Identifier: Apache-2.0
#include "read.h"

#include <flowrun/wsi/slide.h>
#include <fmt/format.h>

#include <chrono>

#include "slide_list.h"

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

class Slides final : public Generator {
 public:
  Slides(std::vector<ListedSlide> slides, std::optional<double> mpp, Backend backend)
      : slides_(std::move(slides)), mpp_(mpp), backend_(backend) {}

  std::optional<Work> next() override {
    if (next_ == slides_.size()) return {};
    const ListedSlide& slide = slides_[next_++];
    const auto open = [this, &slide](Outputs& out) {
      out.emit("slide", Slide::open(slide.path, slide.name, mpp_, backend_));
    };
    return Work{open, NewScope{slide.name, identity_of(slide.path)}};
  }
  std::optional<std::uint64_t> total() const override { return slides_.size(); }

 private:
  const std::vector<ListedSlide> slides_;
  const std::optional<double> mpp_;
  const Backend backend_;
  std::size_t next_ = 0;
};

}  // namespace

void Read::describe(Description<Read>& d) {
  d.summary("Opens whole-slide images.")
      .details(
          "Slides are sorted by path and opened one after the other, each when there is memory for it; a "
          "slide is "
          "closed when the last packet made from it is gone. Every format of OpenSlide is read; tiled JPEG "
          "and JPEG 2000 "
          "TIFFs (Aperio) without OpenSlide's detour, with the same pixels. Two slides of one name in "
          "different folders get the folders' "
          "names put before theirs.")
      .example("slides: {type: read, path: slides/*.svs}")
      .scope_output<Slide>("slide");
  d.option("path", &Read::path,
           "slide file, glob pattern, folder (with all below it), or list (.txt: a path a line; .csv: a "
           "column 'path'); or several of these")
      .required()
      .input_list();
  d.option("mpp", &Read::mpp, "microns per level-0 pixel, instead of what the file says")
      .above(0)
      .at_most(1000);
  d.option("backend", &Read::backend,
           "what reads pixels: OpenSlide, or libtiff directly (tiled JPEG and JPEG 2000 TIFFs only); auto "
           "takes the "
           "faster one that can")
      .choices({"auto", "openslide", "tiff"});
}

void Read::plan(Costs& costs) {
  // Handles, tile tables and the like come on top of the pixels.
  costs.out("slide", Slide::cache_bytes + (std::size_t{2} << 20));
}

std::unique_ptr<Generator> Read::start(Inputs&) {
  const Backend reads = backend == "tiff"        ? Backend::tiff
                        : backend == "openslide" ? Backend::openslide
                                                 : Backend::automatic;
  return std::make_unique<Slides>(list_slides(path), mpp, reads);
}

}  // namespace flowrun::wsi
