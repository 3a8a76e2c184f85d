// SPDX-License-Identifier: Apache-2.0
#include "thumbnail.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <turbojpeg.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "output/files.h"

namespace flowrun::cli {
namespace {

constexpr int quality = 75;
constexpr std::int64_t most_pixels = std::int64_t{1} << 28;

struct Close {
  void operator()(void* handle) const { ::tjDestroy(handle); }
  void operator()(unsigned char* bytes) const { ::tjFree(bytes); }
};
using Handle = std::unique_ptr<void, Close>;

struct Pixels {
  int width = 0, height = 0;
  std::vector<std::uint8_t> rgb;
};

/// Each 2 x 2 pixels as their mean.
Pixels halved(const Pixels& in) {
  Pixels out{std::max(1, in.width / 2), std::max(1, in.height / 2), {}};
  out.rgb.resize(static_cast<std::size_t>(out.width) * static_cast<std::size_t>(out.height) * 3);
  const auto at = [&](int x, int y, int channel) {
    const auto row = static_cast<std::size_t>(std::min(y, in.height - 1));
    const auto column = static_cast<std::size_t>(std::min(x, in.width - 1));
    return unsigned{
        in.rgb[(row * static_cast<std::size_t>(in.width) + column) * 3 + static_cast<std::size_t>(channel)]};
  };
  std::size_t i = 0;
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x)
      for (int c = 0; c < 3; ++c)
        out.rgb[i++] = static_cast<std::uint8_t>((at(2 * x, 2 * y, c) + at(2 * x + 1, 2 * y, c) +
                                                  at(2 * x, 2 * y + 1, c) + at(2 * x + 1, 2 * y + 1, c) + 2) /
                                                 4);
  return out;
}

/// The largest of the decoder's scales at which the picture fits, or its smallest.
::tjscalingfactor scale_for(int longer, int side) {
  int count = 0;
  const ::tjscalingfactor* all = ::tjGetScalingFactors(&count);
  ::tjscalingfactor best{1, 8};
  for (const auto& scale : std::span(all, static_cast<std::size_t>(count)))
    if (scale.num <= scale.denom && TJSCALED(longer, scale) <= side &&
        scale.num * best.denom > best.num * scale.denom)
      best = scale;
  return best;
}

}  // namespace

Thumbnail thumbnail_of(const std::filesystem::path& file, int side) {
  const auto text = read_text(file);
  if (!text) throw Error(fmt::format("{}: is not there", file.string()));
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text->data());
  const auto refuse = [&](::tjhandle handle) {
    throw Error(fmt::format("{}: cannot be read as JPEG: {}", file.string(), ::tjGetErrorStr2(handle)));
  };
  const Handle decoder(::tjInitDecompress()), encoder(::tjInitCompress());
  int width = 0, height = 0, subsampling = 0, colours = 0;
  if (::tjDecompressHeader3(decoder.get(), bytes, text->size(), &width, &height, &subsampling, &colours) != 0)
    refuse(decoder.get());
  if (std::int64_t{width} * height > most_pixels)
    throw Error(fmt::format("{}: {} x {} pixels are too many to be shown", file.string(), width, height));
  const ::tjscalingfactor scale = scale_for(std::max(width, height), side);
  Pixels pixels{TJSCALED(width, scale), TJSCALED(height, scale), {}};
  pixels.rgb.resize(static_cast<std::size_t>(pixels.width) * static_cast<std::size_t>(pixels.height) * 3);
  if (::tjDecompress2(decoder.get(), bytes, text->size(), pixels.rgb.data(), pixels.width, 0, pixels.height,
                      TJPF_RGB, 0) != 0)
    refuse(decoder.get());
  while (std::max(pixels.width, pixels.height) > side) pixels = halved(pixels);
  unsigned char* jpeg = nullptr;
  unsigned long size = 0;
  if (::tjCompress2(encoder.get(), pixels.rgb.data(), pixels.width, 0, pixels.height, TJPF_RGB, &jpeg, &size,
                    TJSAMP_420, quality, 0) != 0)
    refuse(encoder.get());
  const std::unique_ptr<unsigned char, Close> owner(jpeg);
  return {std::string(reinterpret_cast<const char*>(jpeg), size), pixels.width, pixels.height};
}

}  // namespace flowrun::cli
