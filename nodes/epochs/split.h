// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// Chooses samples for validation: whole groups (slides, patients), so that no group is in both parts. Groups
/// are looked at in an order that seed and names give, and taken where that brings every class nearer to
/// `share` of its samples, but never the last one of a class; at least one is taken. `groups` and `labels`
/// are by sample. Throws Error when there is no such group.
std::vector<bool> split_off(const std::vector<std::string>& groups, const std::vector<std::uint32_t>& labels,
                            double share, std::uint64_t seed);

}  // namespace flowrun::wsi
