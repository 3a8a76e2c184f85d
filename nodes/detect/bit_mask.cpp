// SPDX-License-Identifier: Apache-2.0
#include "bit_mask.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <opencv2/core.hpp>

namespace flowrun::wsi {
namespace {

static_assert(std::endian::native == std::endian::little,
              "a pixel's bit is found by its byte's place in a word");

using Word = std::uint64_t;
constexpr std::size_t word_bits = 64;

std::size_t words_for(int cols) {
  return (static_cast<std::size_t>(cols) + word_bits - 1) / word_bits;
}

/// The top bits of eight bytes, the first byte's lowest.
Word top_bits(Word bytes) {
  return ((bytes >> 7 & 0x0101010101010101) * 0x0102040810204080) >> 56;
}

Word pack(const std::uint8_t* pixels) {
  Word bits = 0;
  for (std::size_t i = 0; i < word_bits; i += 8) {
    Word eight;
    std::memcpy(&eight, pixels + i, sizeof eight);
    bits |= top_bits(eight) << i;
  }
  return bits;
}

/// Eight pixels, 0 or 255, for each pattern of eight bits.
constexpr std::array<Word, 256> eight_pixels = [] {
  std::array<Word, 256> all{};
  for (std::size_t bits = 0; bits < all.size(); ++bits)
    for (std::size_t i = 0; i < 8; ++i)
      if (bits >> i & 1) all[bits] |= Word{255} << 8 * i;
  return all;
}();

void unpack(Word bits, std::uint8_t* pixels) {
  for (std::size_t i = 0; i < word_bits; i += 8)
    std::memcpy(pixels + i, &eight_pixels[bits >> i & 255], sizeof(Word));
}

// What is outside of the mask changes nothing.
struct Erosion {
  static constexpr Word outside = ~Word{0};
  static Word join(Word a, Word b) { return a & b; }
};
struct Dilation {
  static constexpr Word outside = 0;
  static Word join(Word a, Word b) { return a | b; }
};

/// Columns of ones in rows of a structuring element, and the rows that have these; relative to its middle.
struct Run {
  int first, last;
  std::vector<int> rows;
};

std::vector<Run> runs_of(const cv::Mat& element) {
  std::vector<Run> runs;
  for (int row = 0; row < element.rows; ++row) {
    const auto ones = element.row(row);
    const int count = cv::countNonZero(ones);
    if (count == 0) continue;
    const auto* begin = ones.ptr<std::uint8_t>();
    const int first =
        static_cast<int>(std::find_if(begin, begin + ones.cols, [](auto one) { return one != 0; }) - begin) -
        element.cols / 2;
    const int last = first + count - 1;
    auto same =
        std::ranges::find_if(runs, [&](const Run& run) { return run.first == first && run.last == last; });
    if (same == runs.end()) same = runs.insert(same, {first, last, {}});
    same->rows.push_back(row - element.rows / 2);
  }
  return runs;
}

/// `out`'s pixel x joins the pixels x + first to x + last of `row`. Both have a word before the mask's first
/// and two after its last, which are outside.
template <class Step>
void join_run(const std::vector<Word>& row, const Run& run, std::vector<Word>& out) {
  out = row;
  const auto left = static_cast<unsigned>(-run.first);
  if (left > 0)
    for (std::size_t i = 1; i < row.size(); ++i) out[i] = row[i] << left | row[i - 1] >> (word_bits - left);
  const int all = run.last - run.first + 1;
  for (int joined = 1; joined < all;) {
    const int step = std::min(joined, all - joined);
    for (std::size_t i = 1; i + 1 < out.size(); ++i)
      out[i] =
          Step::join(out[i], out[i] >> step | out[i + 1] << (word_bits - static_cast<std::size_t>(step)));
    joined += step;
  }
}

}  // namespace

BitMask::BitMask(const cv::Mat& mask)
    : rows_(mask.rows),
      cols_(mask.cols),
      words_(words_for(mask.cols)),
      bits_(static_cast<std::size_t>(mask.rows) * words_),
      next_(bits_.size()) {
  const auto whole = static_cast<std::size_t>(cols_) / word_bits;
  Word* bits = bits_.data();
  for (int row = 0; row < rows_; ++row, bits += words_) {
    const auto* pixels = mask.ptr<std::uint8_t>(row);
    for (std::size_t i = 0; i < whole; ++i) bits[i] = pack(pixels + i * word_bits);
    if (whole == words_) continue;
    std::array<std::uint8_t, word_bits> rest{};
    std::copy(pixels + whole * word_bits, pixels + cols_, rest.begin());
    bits[whole] = pack(rest.data());
  }
}

void BitMask::write_to(cv::Mat& mask) const {
  const auto whole = static_cast<std::size_t>(cols_) / word_bits;
  const Word* bits = bits_.data();
  for (int row = 0; row < rows_; ++row, bits += words_) {
    auto* pixels = mask.ptr<std::uint8_t>(row);
    for (std::size_t i = 0; i < whole; ++i) unpack(bits[i], pixels + i * word_bits);
    if (whole == words_) continue;
    std::array<std::uint8_t, word_bits> rest;
    unpack(bits[whole], rest.data());
    std::copy_n(rest.begin(), static_cast<std::size_t>(cols_) % word_bits, pixels + whole * word_bits);
  }
}

template <class Step>
void BitMask::apply(const cv::Mat& element) {
  const auto runs = runs_of(element);
  const std::size_t used = static_cast<std::size_t>(cols_) % word_bits;
  const Word padding = used == 0 ? 0 : ~Word{0} << used;
  std::ranges::fill(next_, Step::outside);
  std::vector<Word> row(words_ + 3, Step::outside), joined;
  for (int y = 0; y < rows_; ++y) {
    std::copy_n(&bits_[static_cast<std::size_t>(y) * words_], words_, row.begin() + 1);
    row[words_] = (row[words_] & ~padding) | (Step::outside & padding);
    for (const Run& run : runs) {
      join_run<Step>(row, run, joined);
      for (const int offset : run.rows) {
        if (y - offset < 0 || y - offset >= rows_) continue;
        Word* out = &next_[static_cast<std::size_t>(y - offset) * words_];
        for (std::size_t i = 0; i < words_; ++i) out[i] = Step::join(out[i], joined[i + 1]);
      }
    }
  }
  bits_.swap(next_);
}

void BitMask::open(const cv::Mat& element) {
  apply<Erosion>(element);
  apply<Dilation>(element);
}

void BitMask::close(const cv::Mat& element) {
  apply<Dilation>(element);
  apply<Erosion>(element);
}

}  // namespace flowrun::wsi
