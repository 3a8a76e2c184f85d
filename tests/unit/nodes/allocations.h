// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace flowrun::test {

/// Counts what this thread allocates, with `new` and for OpenCV's matrices, while it lives.
class Allocations {
 public:
  Allocations();
  ~Allocations();
  /// The most bytes that were there at once.
  std::size_t peak() const;
};

}  // namespace flowrun::test
