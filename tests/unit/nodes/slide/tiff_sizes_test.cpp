// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/error.h>
#include <flowrun/wsi/slide.h>

#include <filesystem>
#include <fstream>
#include <string>

using namespace flowrun;
using namespace std::string_literals;

namespace {

/// TIFFs of one directory with one tag, written by hand (TIFF 6.0, section 2; BigTIFF).
std::string problem(const std::string& bytes) {
  const auto path = std::filesystem::temp_directory_path() / "flowrun_tiff_sizes_test.tif";
  std::ofstream(path, std::ios::binary) << bytes;
  std::string out;
  try {
    wsi::Slide::open(path, "tags");
  } catch (const Error& error) {
    out = error.what();
  }
  std::filesystem::remove(path);
  return out.substr(out.find(": ") + 2);
}

const std::string no_slide = "not a slide in a format that OpenSlide knows";

}  // namespace

TEST_CASE("a tag whose values do not lie in the file is refused before they are allocated") {
  // 17 Gi values of 8 bytes; 2^60 of 8, which no machine has; big-endian.
  CHECK(problem("II*\0\x08\0\0\0\1\0\x0e\1\x0c\0\xff\xff\xff\xff\x08\0\0\0\0\0\0\0"s) ==
        "damaged slide: tag 270 has 4294967295 values, which do not lie in the file");
  CHECK(problem("II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\x0e\1\x10\0"s + "\0\0\0\0\0\0\0\x10"s +
                "\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"s) ==
        "damaged slide: tag 270 has 1152921504606846976 values, which do not lie in the file");
  CHECK(problem("MM\0*\0\0\0\x08\0\1\1\x0e\0\2\x7f\xff\xff\xff\0\0\0\x08\0\0\0\0"s) ==
        "damaged slide: tag 270 has 2147483647 values, which do not lie in the file");
}

TEST_CASE("a tile larger than the file is refused before it is allocated") {
  CHECK(problem("II*\0\x08\0\0\0\1\0\x45\1\4\0\1\0\0\0\xff\xff\xff\xff\0\0\0\0"s) ==
        "damaged slide: tile 0 has 4294967295 bytes, expected at most 26");
  CHECK(problem("II*\0\x08\0\0\0\1\0\x45\1\3\0\2\0\0\0\x10\0\x00\1\0\0\0\0"s) ==
        "damaged slide: tile 1 has 256 bytes, expected at most 26");
  CHECK(problem("MM\0*\0\0\0\x08\0\1\1\x17\0\4\0\0\0\1\0\1\0\0\0\0\0\0"s) ==
        "damaged slide: strip 0 has 65536 bytes, expected at most 26");
}

TEST_CASE(
    "tags whose values lie in the file, and directories that go in a circle, are for readers to judge") {
  CHECK(problem("II*\0\x08\0\0\0\1\0\x0e\1\2\0\x05\0\0\0\x08\0\0\0\0\0\0\0"s) == no_slide);
  CHECK(problem("II*\0\x08\0\0\0\1\0\x0e\1\2\0\1\0\0\0\xff\xff\xff\xff\x08\0\0\0"s) == no_slide);
  CHECK(problem("II*\0\xff\0\0\0"s) == no_slide);
  CHECK(problem("II"s) == no_slide);
}
