// SPDX-License-Identifier: Apache-2.0
#include "jpeg2000.h"

#include <flowrun/error.h>
#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>

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

bool fits(const opj_image_t& image, int width, int height) {
  if (image.numcomps != 3) return false;
  return std::all_of(image.comps, image.comps + 3, [&](const opj_image_comp_t& c) {
    return c.data && c.prec == 8 && !c.sgnd && c.dx == 1 && c.dy == 1 &&
           c.w == static_cast<OPJ_UINT32>(width) && c.h == static_cast<OPJ_UINT32>(height);
  });
}

}  // namespace

void decode_jpeg2000(std::span<const std::uint8_t> codestream, int width, int height, std::uint8_t* rgb) {
  Source source{codestream};
  std::string problem = "damaged JPEG 2000 data";
  const Stream stream = stream_over(source);
  const Codec codec(opj_create_decompress(OPJ_CODEC_J2K));
  opj_set_error_handler(
      codec.get(), [](const char* text, void* user) { *static_cast<std::string*>(user) = text; }, &problem);
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  opj_image_t* decoded = nullptr;
  const bool begun =
      opj_setup_decoder(codec.get(), &parameters) && opj_read_header(stream.get(), codec.get(), &decoded);
  const Image image(decoded);
  if (!begun || !opj_decode(codec.get(), stream.get(), image.get())) throw Error(problem);
  if (!fits(*image, width, height)) throw Error("JPEG 2000 data of an unexpected size or kind");
  const std::size_t pixels = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  const OPJ_INT32 *r = image->comps[0].data, *g = image->comps[1].data, *b = image->comps[2].data;
  for (std::size_t i = 0; i < pixels; ++i, rgb += 3) {
    rgb[0] = static_cast<std::uint8_t>(r[i]);
    rgb[1] = static_cast<std::uint8_t>(g[i]);
    rgb[2] = static_cast<std::uint8_t>(b[i]);
  }
}

}  // namespace flowrun::wsi
