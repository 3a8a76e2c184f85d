// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace flowrun::wsi {

// Draws the training samples of an epoch, by their rows, `count` of them. What is drawn depends on the seed
// and the epoch's number alone.

/// Each row equally often, to one time.
std::vector<std::uint32_t> draw_each(const std::vector<std::uint32_t>& rows, std::size_t count,
                                     std::uint64_t seed, std::uint64_t epoch);

/// Each class equally often, to one sample, and within a class each row, to one time. `labels` are by row.
std::vector<std::uint32_t> draw_balanced(const std::vector<std::uint32_t>& rows,
                                         const std::vector<std::uint32_t>& labels, std::size_t count,
                                         std::uint64_t seed, std::uint64_t epoch);

/// A row with a chance in proportion to its weight, whatever was drawn before. `weights` are by row; not all
/// are 0.
std::vector<std::uint32_t> draw_weighted(const std::vector<std::uint32_t>& rows,
                                         const std::vector<double>& weights, std::size_t count,
                                         std::uint64_t seed, std::uint64_t epoch);

}  // namespace flowrun::wsi
