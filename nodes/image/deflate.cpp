// SPDX-License-Identifier: Apache-2.0
#include "deflate.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "literals.h"

namespace flowrun::wsi {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr int kMaxHeaderBits = 7;
constexpr std::size_t kMaxStored = 65535;

// --- Symbols (RFC 1951, 3.2.5) ---

constexpr std::size_t kEndOfBlock = 256;
constexpr std::size_t kLiterals = 286;
constexpr std::size_t kMinMatch = 3;
constexpr std::size_t kMaxMatch = 258;

struct MatchLength {
  std::size_t symbol;
  unsigned extra_bits;
  std::size_t extra;
};

MatchLength match_length(std::size_t length) {
  if (length == kMaxMatch) return {285, 0, 0};
  const std::size_t rest = length - kMinMatch;
  if (rest < 8) return {257 + rest, 0, 0};
  const unsigned extra_bits = static_cast<unsigned>(std::bit_width(rest)) - 3;
  return {257 + 4 * extra_bits + (rest >> extra_bits), extra_bits, rest & ((1U << extra_bits) - 1)};
}

// Bytes that equal those one pixel before them, written as matches.
struct Run {
  std::size_t begin;
  std::size_t length;
};

// Looks at aligned groups of bytes only, so that tissue, which has hardly any runs, pays one comparison per
// group.
std::vector<Run> find_runs(Bytes bytes, std::size_t pixel) {
  constexpr std::size_t kGroup = 16;
  std::vector<Run> runs;
  std::size_t earliest = pixel;
  for (std::size_t group = kGroup; group + kGroup <= bytes.size();) {
    if (std::memcmp(&bytes[group], &bytes[group - pixel], kGroup) != 0) {
      group += kGroup;
      continue;
    }
    std::size_t begin = group;
    while (begin > earliest && bytes[begin - 1] == bytes[begin - 1 - pixel]) --begin;
    std::size_t end = group + kGroup;
    while (end + kGroup <= bytes.size() && std::memcmp(&bytes[end], &bytes[end - pixel], kGroup) == 0)
      end += kGroup;
    while (end < bytes.size() && bytes[end] == bytes[end - pixel]) ++end;
    group = (end + kGroup - 1) / kGroup * kGroup;
    // Whole matches only: what is too short for the last one stays literal.
    const std::size_t last = (end - begin) % kMaxMatch;
    if (last < kMinMatch) end -= last;
    runs.push_back({begin, end - begin});
    earliest = end;
  }
  return runs;
}

// Calls literals(bytes) and match(length) for the whole stripe in order.
template <typename Literals, typename Match>
void for_each_token(Bytes bytes, const std::vector<Run>& runs, Literals literals, Match match) {
  std::size_t done = 0;
  for (const Run& run : runs) {
    literals(bytes.subspan(done, run.begin - done));
    done = run.begin + run.length;
    for (std::size_t left = run.length; left > 0; left -= std::min(left, kMaxMatch)) {
      match(match_length(std::min(left, kMaxMatch)));
    }
  }
  literals(bytes.subspan(done));
}

struct Histogram {
  std::array<std::uint32_t, kLiterals> counts{};
  std::size_t other_bits = 0;  // of the matches: extra bits and distances
};

Histogram count_symbols(Bytes bytes, const std::vector<Run>& runs) {
  // Neighbours are often equal; counting them in separate tables saves waiting for the previous increment.
  std::array<std::array<std::uint32_t, 256>, 4> lanes{};
  Histogram histogram;
  const auto count_literals = [&lanes](Bytes literals) {
    std::size_t i = 0;
    for (; i + 4 <= literals.size(); i += 4) {
      ++lanes[0][literals[i]];
      ++lanes[1][literals[i + 1]];
      ++lanes[2][literals[i + 2]];
      ++lanes[3][literals[i + 3]];
    }
    for (; i < literals.size(); ++i) ++lanes[0][literals[i]];
  };
  for_each_token(bytes, runs, count_literals, [&histogram](const MatchLength& match) {
    ++histogram.counts[match.symbol];
    histogram.other_bits += match.extra_bits + 1;
  });
  for (std::size_t s = 0; s < 256; ++s) {
    histogram.counts[s] = lanes[0][s] + lanes[1][s] + lanes[2][s] + lanes[3][s];
  }
  histogram.counts[kEndOfBlock] = 1;
  return histogram;
}

// --- Blocks (RFC 1951, 3.2.3 to 3.2.7) ---

// The code lengths as a block transmits them: run-length coded, themselves in a Huffman code.
struct HeaderSymbol {
  std::size_t symbol;
  unsigned extra;
};

constexpr std::size_t kHeaderSymbols = 19;
constexpr std::array<std::uint8_t, kHeaderSymbols> kHeaderOrder = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                                   11, 4,  12, 3, 13, 2, 14, 1, 15};

unsigned header_extra_bits(std::size_t symbol) {
  return symbol == 16 ? 2 : symbol == 17 ? 3 : symbol == 18 ? 7 : 0;
}

std::vector<HeaderSymbol> run_length_code(Bytes lengths) {
  std::vector<HeaderSymbol> symbols;
  for (std::size_t i = 0; i < lengths.size();) {
    const auto next = std::find_if(lengths.begin() + static_cast<std::ptrdiff_t>(i), lengths.end(),
                                   [&](std::uint8_t length) { return length != lengths[i]; });
    std::size_t left = static_cast<std::size_t>(next - lengths.begin()) - i;
    const std::size_t value = lengths[i];
    i += left;
    if (value != 0) {  // 16 repeats what came before
      symbols.push_back({value, 0});
      --left;
    }
    const std::size_t most = value == 0 ? 138 : 6;
    while (left >= 3) {
      const std::size_t run = std::min(left, most);
      const std::size_t base = run > 10 ? 11 : 3;
      const std::size_t symbol = value != 0 ? 16 : run > 10 ? 18 : 17;
      symbols.push_back({symbol, static_cast<unsigned>(run - base)});
      left -= run;
    }
    symbols.insert(symbols.end(), left, {value, 0});
  }
  return symbols;
}

// All that a block with its own Huffman code consists of, apart from the symbols.
struct BlockCode {
  std::array<Code, kLiterals> literals;
  std::size_t literal_count = 0;
  std::size_t distance_count = 0;
  std::vector<HeaderSymbol> header;
  std::array<std::uint8_t, kHeaderSymbols> header_lengths;
  std::size_t header_count = kHeaderSymbols;
  std::size_t bits = 0;  // of the whole block
};

BlockCode make_code(const Histogram& histogram, std::size_t pixel) {
  BlockCode code;
  std::array<std::uint8_t, kLiterals + 4> lengths{};
  const std::span literal_lengths = std::span(lengths).first(kLiterals);
  code_lengths(histogram.counts, kMaxLiteralBits, literal_lengths);
  canonical_codes(literal_lengths, code.literals);
  code.literal_count = kLiterals;
  while (lengths[code.literal_count - 1] == 0) --code.literal_count;

  // Distances 1 to 4 are symbols 0 to 3 without extra bits. Ours gets the code '0', its unused neighbour '1'.
  code.distance_count = pixel + 1;
  lengths[code.literal_count + pixel - 1] = 1;
  lengths[code.literal_count + pixel] = 1;
  code.header = run_length_code(std::span(lengths).first(code.literal_count + code.distance_count));

  std::array<std::uint32_t, kHeaderSymbols> header_counts{};
  for (const HeaderSymbol& item : code.header) ++header_counts[item.symbol];
  code_lengths(header_counts, kMaxHeaderBits, code.header_lengths);
  while (code.header_lengths[kHeaderOrder[code.header_count - 1]] == 0) --code.header_count;

  code.bits = 3 + 14 + 3 * code.header_count + histogram.other_bits;
  for (std::size_t s = 0; s < kHeaderSymbols; ++s) {
    code.bits += header_counts[s] * (code.header_lengths[s] + header_extra_bits(s));
  }
  for (std::size_t s = 0; s < kLiterals; ++s) {
    code.bits += std::size_t{histogram.counts[s]} * code.literals[s].length;
  }
  return code;
}

void put_header(BitWriter& writer, const BlockCode& code, bool last) {
  writer.put(last ? 1 : 0, 1);
  writer.put(2, 2);
  writer.put(code.literal_count - 257, 5);
  writer.put(code.distance_count - 1, 5);
  writer.put(code.header_count - 4, 4);
  for (std::size_t i = 0; i < code.header_count; ++i) writer.put(code.header_lengths[kHeaderOrder[i]], 3);
  std::array<Code, kHeaderSymbols> codes;
  canonical_codes(code.header_lengths, codes);
  for (const HeaderSymbol& item : code.header) {
    writer.put(codes[item.symbol]);
    writer.put(item.extra, header_extra_bits(item.symbol));
  }
}

void put_coded(BitWriter& writer, Bytes bytes, const std::vector<Run>& runs, const BlockCode& code,
               bool last) {
  put_header(writer, code, last);
  const LiteralCodes literal_codes(code.literals);
  for_each_token(
      bytes, runs, [&](Bytes literals) { literal_codes.put(writer, literals); },
      [&](const MatchLength& match) {
        writer.put(code.literals[match.symbol]);
        writer.put(match.extra, match.extra_bits + 1);  // and the distance, '0'
      });
  writer.put(code.literals[kEndOfBlock]);
}

void put_stored(BitWriter& writer, Bytes bytes, bool last) {
  while (!bytes.empty()) {
    const Bytes block = bytes.first(std::min(bytes.size(), kMaxStored));
    bytes = bytes.subspan(block.size());
    writer.put(last && bytes.empty() ? 1 : 0, 3);
    writer.align();
    writer.put(block.size() | ((~block.size() & 0xffff) << 16), 32);
    writer.put_bytes(block);
  }
}

}  // namespace

std::size_t stored_bytes(std::size_t bytes) {
  return bytes + 5 * ((bytes + kMaxStored - 1) / kMaxStored);
}

void put_block(BitWriter& writer, Bytes bytes, std::size_t pixel, bool last) {
  const std::vector<Run> runs = find_runs(bytes, pixel);
  const BlockCode code = make_code(count_symbols(bytes, runs), pixel);
  // Of the first stored block's five bytes the head takes 3 bits and what they leave of a byte.
  const std::size_t stored_end =
      (writer.pending_bits() + 3 + 7) / 8 * 8 + 8 * (stored_bytes(bytes.size()) - 1);
  if (writer.pending_bits() + code.bits <= stored_end) return put_coded(writer, bytes, runs, code, last);
  put_stored(writer, bytes, last);
}

}  // namespace flowrun::wsi
