// SPDX-License-Identifier: Apache-2.0
#include "nodes/collect/kinds.h"

#include <doctest/doctest.h>
#include <flowrun/error.h>

#include "nodes/table/slide_list.h"

using namespace flowrun;
using namespace flowrun::wsi::collect;

TEST_CASE("collect: what a file is by its name") {
  const auto extensions = default_extensions();
  for (const char* name : {"a.svs", "A.SVS", "a b.Ndpi", "x.tif", "x.tiff", "x.scn", "x.bif", "x.svslide",
                           "x.y.svs", "\xff.svs"})
    CHECK_MESSAGE(kind_of(name, extensions) == Kind::slide, name);
  CHECK(kind_of("x.MRXS", extensions) == Kind::mirax);
  CHECK(kind_of("x.vms", extensions) == Kind::scattered);
  CHECK(kind_of("x.VMU", extensions) == Kind::scattered);
  for (const char* name : {"run.log", "run.LOG", "x.svs.log"})
    CHECK_MESSAGE(kind_of(name, extensions) == Kind::log, name);
  for (const char* name : {"svs", ".svs", "._a.svs", ".log", "a.svs.partial", "a.svs~", "log", "a.txt", "a."})
    CHECK_MESSAGE(kind_of(name, extensions) == Kind::other, name);
}

TEST_CASE("collect: slides of other formats than those asked for are no others") {
  CHECK(kind_of("a.svs", {".svs"}) == Kind::slide);
  CHECK(kind_of("a.ndpi", {".svs"}) == Kind::unwanted_slide);
  CHECK(kind_of("a.mrxs", {".svs"}) == Kind::unwanted_slide);
  CHECK(kind_of("a.zvi", {".svs"}) == Kind::other);
  CHECK(kind_of("a.dcm", {".svs"}) == Kind::scattered);
  CHECK(kind_of("a.zvi", {".zvi"}) == Kind::slide);
}

TEST_CASE("collect: the default is what OpenSlide reads, less .vms, .vmu and .dcm") {
  CHECK(default_extensions() == std::vector<std::string>{".bif", ".czi", ".mrxs", ".ndpi", ".scn", ".svs",
                                                         ".svslide", ".tif", ".tiff"});
}

TEST_CASE("collect: extensions as people write them") {
  const auto parsed = parse_extensions("ext", {".SVS, ndpi", "svs"});
  CHECK(parsed == std::vector<std::string>{".svs", ".ndpi"});
  for (const char* wrong : {"", ".", "svs,,ndpi", "a/b", ".tar.gz", "log"})
    CHECK_THROWS_WITH_AS(parse_extensions("ext", {wrong}), doctest::Contains("is no extension of slides"),
                         OptionError);
  CHECK_THROWS_WITH_AS(parse_extensions("ext", {".vms"}), doctest::Contains("name files beside them"),
                       OptionError);
}

TEST_CASE("collect: folders of logs, stems") {
  CHECK(is_log_folder("logs"));
  CHECK(is_log_folder("LOGS"));
  CHECK_FALSE(is_log_folder("log"));
  CHECK_FALSE(is_log_folder("mylogs"));
  CHECK(stem_of("a.b.svs") == "a.b");
  CHECK(stem_of("a") == "a");
  CHECK(stem_of(".hidden") == ".hidden");
}
