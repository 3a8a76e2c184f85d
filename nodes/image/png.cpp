// SPDX-License-Identifier: Apache-2.0
#include "png.h"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "deflate.h"
#include "zlib_stream.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace flowrun::wsi {
namespace {

using Bytes = std::span<const std::uint8_t>;

// Large enough that a Huffman table per stripe costs little, small enough to stay in a core's L2 cache.
constexpr std::size_t kStripeBytes = 256 * 1024;
constexpr std::size_t kMaxChunk = 0x7fffffff;

// --- Filtering (PNG section 9) ---

constexpr std::uint8_t kFilterSub = 1;
constexpr std::uint8_t kFilterUp = 2;
constexpr std::uint8_t kFilterPaeth = 4;

std::uint8_t paeth_predictor(int left, int up, int corner) {
  const int from_left = std::abs(up - corner);
  const int from_up = std::abs(left - corner);
  const int from_corner = std::abs(left + up - 2 * corner);
  if (from_left <= from_up && from_left <= from_corner) return static_cast<std::uint8_t>(left);
  return static_cast<std::uint8_t>(from_up <= from_corner ? up : corner);
}

#if defined(__SSE2__)
__m128i load16(const std::uint8_t* bytes) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

__m128i select(__m128i mask, __m128i yes, __m128i no) {
  return _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no));
}

// All in 8 bits: where left and up lie on the same side of corner, corner is the farthest of the three (its
// distance is the sum of the other two) and 255 serves as well; elsewhere its distance is the difference of
// the other two.
__m128i paeth_predictor16(__m128i left, __m128i up, __m128i corner) {
  const __m128i low = _mm_min_epu8(left, up);
  const __m128i high = _mm_max_epu8(left, up);
  const __m128i from_left = _mm_sub_epi8(_mm_max_epu8(up, corner), _mm_min_epu8(up, corner));
  const __m128i from_up = _mm_sub_epi8(_mm_max_epu8(left, corner), _mm_min_epu8(left, corner));
  const __m128i nearer = _mm_min_epu8(from_left, from_up);
  const __m128i outside = _mm_or_si128(_mm_cmpeq_epi8(_mm_min_epu8(low, corner), corner),
                                       _mm_cmpeq_epi8(_mm_max_epu8(high, corner), corner));
  const __m128i from_corner = _mm_or_si128(outside, _mm_sub_epi8(_mm_max_epu8(from_left, from_up), nearer));
  const __m128i nearest = _mm_min_epu8(nearer, from_corner);
  const __m128i up_or_corner = select(_mm_cmpeq_epi8(nearest, from_up), up, corner);
  return select(_mm_cmpeq_epi8(nearest, from_left), left, up_or_corner);
}
#endif

void filter_paeth(Bytes row, const std::uint8_t* above, std::size_t pixel, std::uint8_t* to) {
  std::size_t i = 0;
  for (; i < pixel; ++i) to[i] = static_cast<std::uint8_t>(row[i] - above[i]);
#if defined(__SSE2__)
  for (; i + 16 <= row.size(); i += 16) {
    const std::uint8_t* at = row.data() + i;
    const __m128i predicted =
        paeth_predictor16(load16(at - pixel), load16(above + i), load16(above + i - pixel));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), _mm_sub_epi8(load16(at), predicted));
  }
#endif
  for (; i < row.size(); ++i) {
    const std::uint8_t predicted = paeth_predictor(row[i - pixel], above[i], above[i - pixel]);
    to[i] = static_cast<std::uint8_t>(row[i] - predicted);
  }
}

// What Paeth comes to under an imagined row of zeros; naming it Sub spares us that row.
void filter_first(Bytes row, std::size_t pixel, std::uint8_t* to) {
  std::copy_n(row.begin(), pixel, to);
  for (std::size_t i = pixel; i < row.size(); ++i) to[i] = static_cast<std::uint8_t>(row[i] - row[i - pixel]);
}

void filter_row(const cv::Mat& image, int row, std::uint8_t* to) {
  const std::size_t pixel = image.elemSize();
  const Bytes bytes(image.ptr(row), static_cast<std::size_t>(image.cols) * pixel);
  *to = row == 0 ? kFilterSub : kFilterPaeth;
  if (row == 0) return filter_first(bytes, pixel, to + 1);
  filter_paeth(bytes, image.ptr(row - 1), pixel, to + 1);
}

// The filter with the least sum of absolute residues, the usual guess at what compresses best (PNG 12.7).
void filter_best(const cv::Mat& image, int row, std::vector<std::uint8_t>& trial, std::uint8_t* to) {
  const std::size_t pixel = image.elemSize(), size = static_cast<std::size_t>(image.cols) * pixel;
  const std::uint8_t* bytes = image.ptr(row);
  const std::uint8_t* above = row > 0 ? image.ptr(row - 1) : nullptr;
  const auto left = [&](const std::uint8_t* of, std::size_t i) {
    return of && i >= pixel ? of[i - pixel] : 0;
  };
  const auto up = [&](std::size_t i) { return above ? above[i] : 0; };
  int least = -1;
  for (std::uint8_t filter = 0; filter <= kFilterPaeth; ++filter) {
    int sum = 0;
    for (std::size_t i = 0; i < size; ++i) {
      const int predicted = filter == 0   ? 0
                            : filter == 1 ? left(bytes, i)
                            : filter == 2 ? up(i)
                            : filter == 3 ? (left(bytes, i) + up(i)) / 2
                                          : paeth_predictor(left(bytes, i), up(i), left(above, i));
      trial[i] = static_cast<std::uint8_t>(bytes[i] - predicted);
      sum += std::abs(static_cast<std::int8_t>(trial[i]));
    }
    if (least >= 0 && sum >= least) continue;
    least = sum;
    to[0] = filter;
    std::copy_n(trial.begin(), size, to + 1);
  }
}

// --- File (PNG sections 5 and 11) ---

constexpr std::array<std::uint8_t, 8> kSignature = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
constexpr std::size_t kChunkFrame = 12;  // length, type, checksum
constexpr std::size_t kFileHead = kSignature.size() + kChunkFrame + 13;
constexpr std::size_t kZlibFrame = 2 + 4;  // header, checksum

struct Layout {
  std::size_t row_bytes;  // with the filter's name
  std::size_t stripe_rows;
  std::size_t max_zlib;
  std::size_t max_file() const { return kFileHead + kChunkFrame + max_zlib + kChunkFrame; }
};

Layout layout_of(int rows, std::size_t pixel_bytes_of_row) {
  const std::size_t height = static_cast<std::size_t>(rows);
  Layout layout{};
  layout.row_bytes = pixel_bytes_of_row + 1;
  layout.stripe_rows = std::clamp<std::size_t>(kStripeBytes / layout.row_bytes, 1, height);
  layout.max_zlib = kZlibFrame +
                    height / layout.stripe_rows * stored_bytes(layout.stripe_rows * layout.row_bytes) +
                    stored_bytes(height % layout.stripe_rows * layout.row_bytes);
  return layout;
}

Layout layout_of(int rows, int cols, int channels) {
  if (rows <= 0 || cols <= 0) throw std::invalid_argument("encode_png: the image is empty");
  if (channels != 1 && channels != 3) throw std::invalid_argument("encode_png: neither 1 nor 3 channels");
  return layout_of(rows, static_cast<std::size_t>(cols) * static_cast<std::size_t>(channels));
}

std::uint8_t* put_big_endian(std::uint8_t* to, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) *to++ = static_cast<std::uint8_t>(value >> shift);
  return to;
}

// The frame around a chunk's data, which lie 8 bytes after `chunk` already; returns the end.
std::uint8_t* close_chunk(std::uint8_t* chunk, std::string_view type, std::size_t data_bytes) {
  std::copy(type.begin(), type.end(), put_big_endian(chunk, data_bytes));
  return put_big_endian(chunk + 8 + data_bytes, libdeflate_crc32(0, chunk + 4, 4 + data_bytes));
}

struct PixelFormat {
  std::uint8_t bits;    // per channel
  std::uint8_t colour;  // 0 grey, 2 RGB
};

std::uint8_t* put_head(std::uint8_t* to, cv::Size size, PixelFormat format) {
  std::uint8_t* chunk = std::copy(kSignature.begin(), kSignature.end(), to);
  std::uint8_t* data = put_big_endian(chunk + 8, static_cast<std::size_t>(size.width));
  data = put_big_endian(data, static_cast<std::size_t>(size.height));
  for (const std::uint8_t field :
       {format.bits, format.colour, std::uint8_t{0}, std::uint8_t{0}, std::uint8_t{0}}) {
    *data++ = field;
  }
  return close_chunk(chunk, "IHDR", 13);
}

// `filter(row, to)` writes a row of layout.row_bytes; rows are asked for once each, in order.
template <class Filter>
void put_file(cv::Size size, PixelFormat format, const Layout& layout, std::size_t pixel_bytes, Filter filter,
              std::vector<std::uint8_t>& out) {
  if (layout.max_zlib > kMaxChunk) throw std::invalid_argument("encode_png: the image is too large");
  // The frames that follow the compressed data are room enough for the writer to store beyond its position.
  out.resize(layout.max_file());
  std::uint8_t* const data_chunk = put_head(out.data(), size, format);
  BitWriter writer(data_chunk + 8);
  writer.put(0x0178, 16);  // zlib: deflate with a 32 KB window, fastest level
  std::uint32_t checksum = 1;
  std::vector<std::uint8_t> stripe(layout.stripe_rows * layout.row_bytes);
  for (int row = 0; row < size.height;) {
    std::size_t filled = 0;
    for (; filled < stripe.size() && row < size.height; ++row, filled += layout.row_bytes) {
      filter(row, &stripe[filled]);
    }
    const Bytes filtered = Bytes(stripe).first(filled);
    checksum = libdeflate_adler32(checksum, filtered.data(), filtered.size());
    put_block(writer, filtered, pixel_bytes, row == size.height);
  }
  writer.align();
  std::uint8_t* const zlib_end = put_big_endian(writer.at(), checksum);
  std::uint8_t* const next =
      close_chunk(data_chunk, "IDAT", static_cast<std::size_t>(zlib_end - (data_chunk + 8)));
  std::uint8_t* const end = close_chunk(next, "IEND", 0);
  out.resize(static_cast<std::size_t>(end - out.data()));
}

// Eight pixels to a byte, the leftmost in the highest bit.
void pack_bits(const std::uint8_t* pixels, int cols, std::uint8_t* to) {
  int i = 0;
  for (; i + 8 <= cols; i += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, pixels + i, 8);
    // Each product of a pixel's lowest bit and a bit of the factor lands in a place of its own.
    *to++ = static_cast<std::uint8_t>(((eight & 0x0101010101010101) * 0x8040201008040201) >> 56);
  }
  std::uint8_t rest = 0;
  for (int bit = 7; i < cols; ++i, --bit) rest |= static_cast<std::uint8_t>((pixels[i] & 1) << bit);
  if (cols % 8) *to = rest;
}

}  // namespace

std::size_t max_png_bytes(int rows, int cols, int channels) {
  return layout_of(rows, cols, channels).max_file();
}

namespace {

void encode_small_png(const cv::Mat& image, const Layout& layout, PixelFormat format,
                      std::vector<std::uint8_t>& out) {
  constexpr int kSmallLevel = 10;
  std::vector<std::uint8_t> filtered(layout.row_bytes * static_cast<std::size_t>(image.rows));
  std::vector<std::uint8_t> trial(layout.row_bytes);
  for (int row = 0; row < image.rows; ++row)
    filter_best(image, row, trial, &filtered[static_cast<std::size_t>(row) * layout.row_bytes]);
  const std::size_t most = max_zlib_bytes(filtered.size());
  out.resize(layout.max_file() - layout.max_zlib + most);
  std::uint8_t* const data_chunk = put_head(out.data(), image.size(), format);
  const std::size_t size = put_zlib_stream(filtered, kSmallLevel, {data_chunk + 8, most});
  std::uint8_t* const end = close_chunk(close_chunk(data_chunk, "IDAT", size), "IEND", 0);
  out.resize(static_cast<std::size_t>(end - out.data()));
}

}  // namespace

void encode_png(const cv::Mat& image, std::vector<std::uint8_t>& out, PngEffort effort) {
  if (image.empty()) throw std::invalid_argument("encode_png: the image is empty");
  if (image.dims != 2 || image.depth() != CV_8U)
    throw std::invalid_argument("encode_png: not 8 bits per channel");
  const Layout layout = layout_of(image.rows, image.cols, image.channels());
  const PixelFormat format{8, static_cast<std::uint8_t>(image.channels() == 3 ? 2 : 0)};
  if (effort == PngEffort::small && layout.max_zlib <= kMaxChunk)
    return encode_small_png(image, layout, format, out);
  put_file(
      image.size(), format, layout, image.elemSize(),
      [&](int row, std::uint8_t* to) { filter_row(image, row, to); }, out);
}

void encode_mask_png(const cv::Mat& mask, std::vector<std::uint8_t>& out) {
  if (mask.empty()) throw std::invalid_argument("encode_mask_png: the mask is empty");
  if (mask.dims != 2 || mask.type() != CV_8UC1)
    throw std::invalid_argument("encode_mask_png: not one channel of 8 bits");
  const auto bytes = static_cast<std::size_t>((mask.cols + 7) / 8);
  std::vector<std::uint8_t> above(bytes), packed(bytes);
  put_file(
      mask.size(), {1, 0}, layout_of(mask.rows, bytes), 1,
      [&](int row, std::uint8_t* to) {
        pack_bits(mask.ptr(row), mask.cols, packed.data());
        *to = kFilterUp;
        std::transform(packed.begin(), packed.end(), above.begin(), to + 1,
                       [](std::uint8_t a, std::uint8_t b) { return static_cast<std::uint8_t>(a - b); });
        std::swap(above, packed);
      },
      out);
}

}  // namespace flowrun::wsi
