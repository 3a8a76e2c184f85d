// SPDX-License-Identifier: Apache-2.0
#include "nodes/image/literals.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

namespace flowrun::wsi {
namespace {

constexpr std::size_t longest_gap = 63;  // shorter than what the wide instructions take

struct Written {
  std::vector<std::uint8_t> bytes;
  unsigned pending = 0;
  bool operator==(const Written&) const = default;
};

/// Writes all bytes in pieces of `piece`, behind `before` bits.
Written write(const std::vector<std::uint8_t>& bytes, const LiteralCodes& codes, std::size_t piece,
              unsigned before) {
  std::vector<std::uint8_t> out(2 * bytes.size() + 16);
  BitWriter writer(out.data());
  writer.put(1, before);
  for (std::size_t i = 0; i < bytes.size(); i += piece)
    codes.put(writer, std::span(bytes).subspan(i, std::min(piece, bytes.size() - i)));
  const unsigned pending = writer.pending_bits();
  writer.align();
  out.resize(static_cast<std::size_t>(writer.at() - out.data()));
  return {out, pending};
}

}  // namespace

TEST_CASE("literals: long pieces come out as the same bits as short ones") {
  std::mt19937 random(7);
  for (const double deviation : {0.5, 4.0, 40.0, 400.0}) {
    std::normal_distribution<double> residues(0, deviation);
    for (const std::size_t size : {1u, 63u, 64u, 65u, 127u, 129u, 1000u, 5000u}) {
      CAPTURE(deviation);
      CAPTURE(size);
      std::vector<std::uint8_t> bytes(size);
      for (auto& byte : bytes) byte = static_cast<std::uint8_t>(static_cast<int>(residues(random)));
      std::array<std::uint32_t, 286> counts{};
      for (const std::uint8_t byte : bytes) ++counts[byte];
      // A steep code as well: all lengths up to the longest occur.
      if (size == 5000)
        for (std::size_t i = 0; i < 20; ++i) counts[i] += 1u << i;
      std::array<std::uint8_t, 286> lengths{};
      code_lengths(counts, kMaxLiteralBits, lengths);
      std::array<Code, 286> codes;
      canonical_codes(lengths, codes);
      const LiteralCodes literals(codes);
      for (const unsigned before : {0u, 5u, 7u}) {
        const Written whole = write(bytes, literals, size, before);
        CHECK(whole == write(bytes, literals, longest_gap, before));
        CHECK(whole == write(bytes, literals, 1, before));
      }
    }
  }
}

}  // namespace flowrun::wsi
