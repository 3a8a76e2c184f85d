// SPDX-License-Identifier: Apache-2.0
#include "jpeg2000.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <openjpeg.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace flowrun::wsi {
namespace {

// opj_stream_t and opj_codec_t are both void*, so the type alone does not say how to free one.
template <class T, auto Free>
struct Deleter {
  void operator()(T* owned) const { Free(owned); }
};
using Stream = std::unique_ptr<opj_stream_t, Deleter<opj_stream_t, opj_stream_destroy>>;
using Codec = std::unique_ptr<opj_codec_t, Deleter<opj_codec_t, opj_destroy_codec>>;
using Image = std::unique_ptr<opj_image_t, Deleter<opj_image_t, opj_image_destroy>>;

struct Source {
  std::span<const std::uint8_t> data;
  std::size_t at = 0;
};

OPJ_SIZE_T read_bytes(void* buffer, OPJ_SIZE_T wanted, void* user) {
  auto& source = *static_cast<Source*>(user);
  if (source.at >= source.data.size()) return static_cast<OPJ_SIZE_T>(-1);
  const std::size_t n = std::min<std::size_t>(wanted, source.data.size() - source.at);
  std::memcpy(buffer, source.data.data() + source.at, n);
  source.at += n;
  return n;
}

OPJ_OFF_T skip_bytes(OPJ_OFF_T n, void* user) {
  auto& source = *static_cast<Source*>(user);
  const auto left = static_cast<OPJ_OFF_T>(source.data.size() - source.at);
  n = std::clamp<OPJ_OFF_T>(n, 0, left);
  source.at += static_cast<std::size_t>(n);
  return n;
}

OPJ_BOOL seek_to(OPJ_OFF_T at, void* user) {
  auto& source = *static_cast<Source*>(user);
  if (at < 0 || static_cast<std::size_t>(at) > source.data.size()) return OPJ_FALSE;
  source.at = static_cast<std::size_t>(at);
  return OPJ_TRUE;
}

Stream stream_over(Source& source) {
  Stream stream(opj_stream_create(std::max<std::size_t>(source.data.size(), 64), OPJ_TRUE));
  opj_stream_set_user_data(stream.get(), &source, nullptr);
  opj_stream_set_user_data_length(stream.get(), source.data.size());
  opj_stream_set_read_function(stream.get(), read_bytes);
  opj_stream_set_skip_function(stream.get(), skip_bytes);
  opj_stream_set_seek_function(stream.get(), seek_to);
  return stream;
}

bool decoded_whole(const opj_image_t& image, int width, int height) {
  return image.numcomps == 3 && std::all_of(image.comps, image.comps + 3, [&](const opj_image_comp_t& c) {
           return c.data && c.w == static_cast<OPJ_UINT32>(width) && c.h == static_cast<OPJ_UINT32>(height);
         });
}

constexpr std::size_t components = 40;  // where SIZ says how many there are

void check_components(std::span<const std::uint8_t> data) {
  for (std::size_t at = components + 2; at < jpeg2000_header_bytes; at += 3)
    if (data[at] != 7 || data[at + 1] != 1 || data[at + 2] != 1)
      throw Error("JPEG 2000 components that are not of 8 bits and full resolution");
}

/// `said`: what OpenJPEG says, a line.
Error damaged(std::string_view said) {
  while (said.ends_with('\n')) said.remove_suffix(1);
  return Error(fmt::format("damaged JPEG 2000 data{}{}", said.empty() ? "" : ": ", said));
}

}  // namespace

void check_jpeg2000_size(std::span<const std::uint8_t> data, int width, int height) {
  constexpr std::array<std::uint8_t, 4> begin{0xff, 0x4f, 0xff, 0x51};  // SOC, SIZ
  if (data.size() < jpeg2000_header_bytes || !std::equal(begin.begin(), begin.end(), data.begin()))
    throw Error("not a JPEG 2000 codestream");
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = at; i < at + bytes; ++i) value = value << 8 | data[i];
    return value;
  };
  const std::uint64_t x_end = number(8, 4), y_end = number(12, 4), x = number(16, 4), y = number(20, 4),
                      tile_width = number(24, 4), tile_height = number(28, 4), count = number(components, 2);
  if (x_end != x + static_cast<std::uint64_t>(width) || y_end != y + static_cast<std::uint64_t>(height) ||
      count != 3)
    throw Error(fmt::format("JPEG 2000 data of {} x {} pixels in {} components, expected {} x {} in 3",
                            static_cast<std::int64_t>(x_end - x), static_cast<std::int64_t>(y_end - y), count,
                            width, height));
  constexpr std::uint64_t most_tiles = 1024;  // OpenJPEG takes about 9 KB for each
  const auto tiles = [](std::uint64_t end, std::uint64_t side) {
    return side == 0 ? most_tiles + 1 : (end + side - 1) / side;
  };
  const std::uint64_t across = tiles(x_end, tile_width), down = tiles(y_end, tile_height);
  if (across > most_tiles || down > most_tiles || across * down > most_tiles)
    throw Error(fmt::format("JPEG 2000 data that are cut into more than {} tiles", most_tiles));
}

void decode_jpeg2000(std::span<const std::uint8_t> codestream, int width, int height, std::uint8_t* rgb) {
  check_jpeg2000_size(codestream, width, height);
  check_components(codestream);
  Source source{codestream};
  std::string problem, warning;
  const Stream stream = stream_over(source);
  const Codec codec(opj_create_decompress(OPJ_CODEC_J2K));
  const auto keep_first = [](const char* text, void* user) {
    if (auto& kept = *static_cast<std::string*>(user); kept.empty()) kept = text;
  };
  const auto keep_damage = [](const char* text, void* user) {
    // Markers that OpenJPEG does not know carry no pixels; what else it warns of has lost some.
    if (auto& kept = *static_cast<std::string*>(user);
        kept.empty() && text != std::string_view("Unknown marker\n"))
      kept = text;
  };
  opj_set_error_handler(codec.get(), keep_first, &problem);
  opj_set_warning_handler(codec.get(), keep_damage, &warning);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_image_t* decoded = nullptr;
  const bool begun =
      opj_setup_decoder(codec.get(), &parameters) && opj_read_header(stream.get(), codec.get(), &decoded);
  const Image image(decoded);
  if (!begun || !opj_decode(codec.get(), stream.get(), image.get()) || !warning.empty() ||
      !decoded_whole(*image, width, height))
    throw damaged(problem.empty() ? warning : problem);
  const std::size_t pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  const OPJ_INT32 *r = image->comps[0].data, *g = image->comps[1].data, *b = image->comps[2].data;
  for (std::size_t i = 0; i < pixels; ++i, rgb += 3) {
    rgb[0] = static_cast<std::uint8_t>(r[i]);
    rgb[1] = static_cast<std::uint8_t>(g[i]);
    rgb[2] = static_cast<std::uint8_t>(b[i]);
  }
}

}  // namespace flowrun::wsi
