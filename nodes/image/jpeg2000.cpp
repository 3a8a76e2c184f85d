// SPDX-License-Identifier: Apache-2.0
#include "jpeg2000.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <openjpeg.h>

#include <algorithm>
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

/// Big-endian numbers; 0 behind the end.
class Numbers {
 public:
  explicit Numbers(std::span<const std::uint8_t> data) : data_(data) {}
  std::uint64_t at(std::size_t place, std::size_t bytes) const {
    std::uint64_t value = 0;
    for (std::size_t i = place; i < place + bytes; ++i)
      value = value << 8 | (i < data_.size() ? data_[i] : 0U);
    return value;
  }
  std::size_t size() const { return data_.size(); }

 private:
  std::span<const std::uint8_t> data_;
};

std::uint64_t parts(std::uint64_t length, std::uint64_t of) {
  return (length + of - 1) / of;
}

constexpr std::size_t components = 40, size_end = 51;  // in SIZ, of three components

void check_components(std::span<const std::uint8_t> data) {
  for (std::size_t at = components + 2; at < size_end; at += 3)
    if (data[at] != 7 || data[at + 1] != 1 || data[at + 2] != 1)
      throw Error("JPEG 2000 components that are not of 8 bits and full resolution");
}

/// The image's cut into tiles, each of which a decoder cuts further.
struct Grid {
  std::uint64_t tiles, tile_width, tile_height;
};

Grid check_size(const Numbers& data, int width, int height) {
  constexpr std::uint64_t begin = 0xff4fff51;  // SOC, SIZ
  if (data.size() < size_end || data.at(0, 4) != begin) throw Error("not a JPEG 2000 codestream");
  const std::uint64_t x_end = data.at(8, 4), y_end = data.at(12, 4), x = data.at(16, 4), y = data.at(20, 4),
                      tile_width = data.at(24, 4), tile_height = data.at(28, 4),
                      count = data.at(components, 2);
  const auto w = static_cast<std::uint64_t>(width), h = static_cast<std::uint64_t>(height);
  if (x_end != x + w || y_end != y + h || count != 3)
    throw Error(fmt::format("JPEG 2000 data of {} x {} pixels in {} components, expected {} x {} in 3",
                            static_cast<std::int64_t>(x_end - x), static_cast<std::int64_t>(y_end - y), count,
                            width, height));
  constexpr std::uint64_t most_tiles = 1024;  // OpenJPEG takes about 9 KB for each
  const auto tiles = [](std::uint64_t end, std::uint64_t side) {
    return side == 0 ? most_tiles + 1 : parts(end, side);
  };
  const std::uint64_t across = tiles(x_end, tile_width), down = tiles(y_end, tile_height);
  if (across > most_tiles || down > most_tiles || across * down > most_tiles)
    throw Error(fmt::format("JPEG 2000 data that are cut into more than {} tiles", most_tiles));
  return {across * down, std::min(tile_width, w), std::min(tile_height, h)};
}

/// `at`: where a marker segment COD or COC has the number of levels. OpenJPEG takes about 270 bytes for each
/// precinct of a band and each code block.
void check_coding(const Numbers& data, std::size_t at, bool has_precincts, const Grid& grid) {
  constexpr std::uint64_t most_levels = 32, most_parts = 131072;
  const std::uint64_t levels = data.at(at, 1);
  if (levels > most_levels)
    throw Error(fmt::format("JPEG 2000 data of {} levels, expected at most 32", levels));
  const auto side_of = [](std::uint64_t exponent) {
    return std::uint64_t{1} << std::min<std::uint64_t>(exponent, 15);
  };
  std::uint64_t all = 0;
  for (std::uint64_t level = 0; level <= levels; ++level) {
    const std::uint64_t precinct = has_precincts ? data.at(at + 5 + level, 1) : 0xff;
    const std::uint64_t precinct_width = side_of(precinct & 15), precinct_height = side_of(precinct >> 4);
    const std::uint64_t shrunk = std::uint64_t{1} << (levels - level);
    const std::uint64_t width = parts(grid.tile_width, shrunk), height = parts(grid.tile_height, shrunk);
    const std::uint64_t block_width = std::min(side_of(data.at(at + 1, 1) + 2), precinct_width),
                        block_height = std::min(side_of(data.at(at + 2, 1) + 2), precinct_height);
    const std::uint64_t bands = level == 0 ? 1 : 3;
    all += bands * parts(width, precinct_width) * parts(height, precinct_height) +
           parts(width, block_width) * parts(height, block_height);
  }
  if (3 * grid.tiles * all > most_parts)
    throw Error(
        fmt::format("JPEG 2000 data that are cut into more than {} precincts and code blocks", most_parts));
}

/// Walks the marker segments from `at` on, to `end` or one that ends headers; returns where that is.
std::size_t check_segments(const Numbers& data, std::size_t at, const Grid& grid) {
  constexpr std::uint64_t start_of_tile = 0xff90, start_of_data = 0xff93, end_of_image = 0xffd9;
  constexpr std::uint64_t coding = 0xff52, coding_of_component = 0xff53;
  while (at + 4 <= data.size()) {
    const std::uint64_t marker = data.at(at, 2), length = data.at(at + 2, 2);
    if (marker == start_of_tile || marker == start_of_data || marker == end_of_image) return at;
    if (marker == coding) check_coding(data, at + 9, (data.at(at + 4, 1) & 1) != 0, grid);
    if (marker == coding_of_component) check_coding(data, at + 6, (data.at(at + 5, 1) & 1) != 0, grid);
    if (length < 2) throw Error("damaged JPEG 2000 data: a marker segment without length");
    at += 2 + length;
  }
  return data.size();
}

/// `said`: what OpenJPEG says, a line.
Error damaged(std::string_view said) {
  while (said.ends_with('\n')) said.remove_suffix(1);
  return Error(fmt::format("damaged JPEG 2000 data{}{}", said.empty() ? "" : ": ", said));
}

}  // namespace

void check_jpeg2000(std::span<const std::uint8_t> codestream, int width, int height) {
  constexpr std::size_t start_of_tile_bytes = 12;
  const Numbers data(codestream);
  const Grid grid = check_size(data, width, height);
  for (std::size_t at = check_segments(data, 2, grid); data.at(at, 2) == 0xff90;) {
    check_segments(data, at + start_of_tile_bytes, grid);
    const std::uint64_t part = data.at(at + 6, 4);  // bytes of the tile-part; 0: to the end
    if (part < start_of_tile_bytes) return;
    at += part;
  }
}

void decode_jpeg2000(std::span<const std::uint8_t> codestream, int width, int height, std::uint8_t* rgb) {
  check_jpeg2000(codestream, width, height);
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
