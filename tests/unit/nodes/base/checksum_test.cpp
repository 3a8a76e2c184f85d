// SPDX-License-Identifier: Apache-2.0
#include "nodes/base/checksum.h"

#include <doctest/doctest.h>

// The check values of the catalogue of parametrised CRC algorithms, of the digits 1 to 9.
TEST_CASE("check sums are those of their standards") {
  CHECK(flowrun::wsi::crc32("123456789") == 0xcbf43926u);
  CHECK(flowrun::wsi::crc32c("123456789") == 0xe3069283u);
}
