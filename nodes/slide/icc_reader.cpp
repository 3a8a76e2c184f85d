// SPDX-License-Identifier: Apache-2.0
#include "icc_reader.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <utility>

#include "nodes/image/icc.h"
#include "nodes/image/tiff_file.h"
#include "readers.h"

namespace flowrun::wsi {
namespace {

class IccReader final : public PixelReader {
 public:
  IccReader(const std::vector<std::uint8_t>& profile, std::shared_ptr<PixelReader> reader)
      : to_srgb_(profile), reader_(std::move(reader)) {}

  std::string_view name() const override { return reader_->name(); }

  void read(int level, std::int64_t x, std::int64_t y, cv::Mat& rgb) override {
    reader_->read(level, x, y, rgb);
    to_srgb_.apply(rgb);
  }

 private:
  const ToSrgb to_srgb_;
  const std::shared_ptr<PixelReader> reader_;
};

std::vector<std::uint8_t> profile_in_tiff(const std::filesystem::path& path) {
  const TiffFile tiff = open_tiff(path);
  if (!tiff) throw Error(tiff_problem());
  std::uint32_t bytes = 0;
  const std::uint8_t* data = nullptr;
  if (TIFFGetField(tiff.get(), TIFFTAG_ICCPROFILE, &bytes, &data) != 1) return {};
  return {data, data + bytes};
}

}  // namespace

std::vector<std::uint8_t> icc_profile_of(const SlideFacts& facts) {
  if (facts.vendor == "aperio" || facts.vendor == "generic-tiff") return profile_in_tiff(facts.path);
#ifdef FLOWRUN_OPENSLIDE_4
  const OpenSlideHandle slide = open_handle(facts.path);
  const auto bytes = openslide_get_icc_profile_size(slide.get());
  std::vector<std::uint8_t> profile(bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
  if (!profile.empty()) openslide_read_icc_profile(slide.get(), profile.data());
  if (const char* problem = openslide_get_error(slide.get()))
    throw Error(fmt::format("{}: cannot read its ICC profile: {}", facts.path.string(), problem));
  return profile;
#else
  throw Error(fmt::format(
      "{}: OpenSlide {} does not tell ICC profiles of slides of format {}, OpenSlide 4 does; read it with "
      "`color: stored`",
      facts.path.string(), openslide_get_version(), facts.vendor));
#endif
}

std::shared_ptr<PixelReader> icc_reader(const SlideFacts& facts, const std::vector<std::uint8_t>& profile,
                                        std::shared_ptr<PixelReader> reader) try {
  return std::make_shared<IccReader>(profile, std::move(reader));
} catch (const Error& problem) {
  throw Error(fmt::format("{}: {}; read it with `color: stored`", facts.path.string(), problem.what()));
}

}  // namespace flowrun::wsi
