// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace flowrun::fuzz {

/// While it lives, what is allocated and not freed may grow by `bytes`, which a stage would have leased, and
/// 64 MiB; what passes them ends the process. Of large blocks those pages count that were ever touched:
/// libraries allocate what a file says, and read then what is there. Only a sanitizer counts: without one it
/// does nothing.
class Lease {
 public:
  explicit Lease(std::size_t bytes);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
};

}  // namespace flowrun::fuzz
