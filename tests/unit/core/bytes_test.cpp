// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/bytes.h>
#include <flowrun/error.h>

using namespace flowrun;

TEST_CASE("sizes are read in powers of 1000 and of 1024") {
  CHECK(parse_bytes("512 MiB") == 536870912);
  CHECK(parse_bytes("2GB") == 2000000000);
  CHECK(parse_bytes("1.5 gib") == 1610612736);
  CHECK(parse_bytes("4096") == 4096);
  for (const char* bad : {"", "lots", "-1 GB", "5 XB", "1e99 TB", "1 2 GB x"})
    CHECK_THROWS_AS(parse_bytes(bad), Error);
}

TEST_CASE("sizes are written for people") {
  CHECK(format_bytes(17) == "17 bytes");
  CHECK(format_bytes(768 * KiB) == "768 KiB");
  CHECK(format_bytes(48758784) == "46.5 MiB");
  CHECK(format_bytes(4 * GiB) == "4 GiB");
}
