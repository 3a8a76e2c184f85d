// SPDX-License-Identifier: Apache-2.0
#include "huffman.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace flowrun::wsi {
namespace {

// Depth of each leaf in the Huffman tree for weights sorted from light to heavy; at least two leaves.
std::vector<int> tree_depths(const std::vector<std::uint64_t>& weights) {
  const std::size_t leaves = weights.size();
  const std::size_t root = 2 * leaves - 2;
  std::vector<std::uint64_t> node_weights(weights);
  std::vector<std::size_t> parents(root + 1);
  std::size_t leaf = 0;
  std::size_t inner = leaves;  // inner nodes come about from light to heavy too, so two queues need no heap
  for (std::size_t node = leaves; node <= root; ++node) {
    std::uint64_t weight = 0;
    for (int child = 0; child < 2; ++child) {
      const bool take_leaf = leaf < leaves && (inner == node || node_weights[leaf] <= node_weights[inner]);
      const std::size_t taken = take_leaf ? leaf++ : inner++;
      parents[taken] = node;
      weight += node_weights[taken];
    }
    node_weights.push_back(weight);
  }
  std::vector<int> depths(root + 1, 0);
  for (std::size_t node = root; node-- > 0;) depths[node] = depths[parents[node]] + 1;
  depths.resize(leaves);
  return depths;
}

// How many codes have each length once none is longer than the limit, with all code space still used exactly.
std::vector<std::uint32_t> limited_counts(const std::vector<int>& depths, int limit) {
  std::vector<std::uint32_t> counts(static_cast<std::size_t>(limit) + 1);
  std::uint64_t used = 0;  // code space in units of one code of the longest length
  for (const int depth : depths) {
    const int length = std::min(depth, limit);
    ++counts[static_cast<std::size_t>(length)];
    used += 1ULL << (limit - length);
  }
  // Cutting lengths overbooked the space. Each step frees one unit: it takes away one longest code and puts
  // that symbol next to the deepest shorter one, both a bit further down.
  for (; used > 1ULL << limit; --used) {
    std::size_t shorter = static_cast<std::size_t>(limit) - 1;
    while (counts[shorter] == 0) --shorter;
    --counts.back();
    --counts[shorter];
    counts[shorter + 1] += 2;
  }
  return counts;
}

}  // namespace

void code_lengths(std::span<const std::uint32_t> frequencies, int limit, std::span<std::uint8_t> lengths) {
  std::vector<std::uint64_t> order;  // frequency and symbol in one number, which sorts fast
  for (std::size_t s = 0; s < frequencies.size(); ++s) {
    if (frequencies[s] > 0) order.push_back((std::uint64_t{frequencies[s]} << 16) | s);
  }
  for (std::size_t s = 0; order.size() < 2; ++s) {
    if (frequencies[s] == 0) order.push_back(s);
  }
  std::sort(order.begin(), order.end());

  std::vector<std::uint64_t> weights(order.size());
  std::transform(order.begin(), order.end(), weights.begin(), [](std::uint64_t key) { return key >> 16; });
  const std::vector<std::uint32_t> counts = limited_counts(tree_depths(weights), limit);
  std::fill(lengths.begin(), lengths.end(), std::uint8_t{0});
  auto rarest = order.begin();
  for (std::size_t length = counts.size(); length-- > 1;) {
    for (std::uint32_t n = 0; n < counts[length]; ++n) {
      lengths[*rarest++ & 0xffff] = static_cast<std::uint8_t>(length);
    }
  }
}

void canonical_codes(std::span<const std::uint8_t> lengths, std::span<Code> codes) {
  std::array<unsigned, 17>
      next{};  // first the number of codes one bit shorter, then the next code to give out
  for (const std::uint8_t length : lengths) next[length + 1U] += length > 0;
  for (std::size_t length = 1; length < next.size(); ++length)
    next[length] = (next[length] + next[length - 1]) << 1;
  for (std::size_t s = 0; s < lengths.size(); ++s) {
    codes[s] = {0, lengths[s]};
    if (lengths[s] == 0) continue;
    unsigned code = next[lengths[s]]++;
    for (int bit = 0; bit < lengths[s]; ++bit, code >>= 1) {
      codes[s].bits = static_cast<std::uint16_t>((codes[s].bits << 1) | (code & 1));
    }
  }
}

}  // namespace flowrun::wsi
