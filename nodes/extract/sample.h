// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "selection.h"

namespace flowrun::wsi {

/// How many tiles of a slide are taken at most.
struct Caps {
  std::optional<int> per_slide;
  std::optional<int> per_class;
  std::uint64_t seed = 0;
};

/// Draws tiles at random, without holding more than are taken: those with the lowest hash of seed, slide and
/// place. So the sample depends on nothing else, and a larger cap keeps what a smaller one took. The result
/// is in the order of rows. `next` gives all tiles of the slide, nothing at the end.
std::vector<Chosen> sample(const std::function<std::optional<Chosen>()>& next, const std::string& slide,
                           const Caps& caps);

/// The most bytes that it holds.
std::size_t most_bytes_of_sample(const Caps& caps);

}  // namespace flowrun::wsi
