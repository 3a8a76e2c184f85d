// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/error.h>
#include <flowrun/wsi/slide.h>
#include <tiffio.h>

#include "../slides.h"
#include "nodes/slide/readers.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

/// What the TIFF directories say is what OpenSlide says, to the last digit.
void compare_facts(const std::filesystem::path& path) {
  REQUIRE(aperio_facts(tiff_pages(path)));
  const Slide direct = Slide::open(path, "s", {.backend = Backend::tiff});
  const Slide reference = Slide::open(path, "s", {.backend = Backend::openslide});
  const SlideFacts &ours = direct.facts(), &theirs = reference.facts();
  CHECK(ours.vendor == theirs.vendor);
  CHECK(ours.mpp == theirs.mpp);
  CHECK(ours.objective_power == theirs.objective_power);
  CHECK(ours.background == theirs.background);
  CHECK(ours.bounds == theirs.bounds);
  REQUIRE(ours.levels.size() == theirs.levels.size());
  for (std::size_t i = 0; i < ours.levels.size(); ++i) {
    CAPTURE(i);
    CHECK(ours.levels[i].width == theirs.levels[i].width);
    CHECK(ours.levels[i].height == theirs.levels[i].height);
    CHECK(ours.levels[i].downsample == theirs.levels[i].downsample);
    CHECK(ours.levels[i].tile_width == theirs.levels[i].tile_width);
    CHECK(ours.levels[i].tile_height == theirs.levels[i].tile_height);
  }
}

void describe_anew(const std::filesystem::path& tiff, const std::string& description) {
  const std::unique_ptr<TIFF, void (*)(TIFF*)> file(TIFFOpen(tiff.c_str(), "r+"), TIFFClose);
  REQUIRE(file);
  REQUIRE(TIFFSetField(file.get(), TIFFTAG_IMAGEDESCRIPTION, description.c_str()) == 1);
  REQUIRE(TIFFRewriteDirectory(file.get()) == 1);
}

}  // namespace

TEST_CASE("a slide that ends before its last directory is refused, not taken for one of fewer levels") {
  TemporaryFolder folder;
  const std::string whole = read_file(small_slide());
  REQUIRE(Slide::open(small_slide(), "s").level_count() > 1);
  std::uint64_t end_of_first = 0;
  {
    const std::unique_ptr<TIFF, void (*)(TIFF*)> file(TIFFOpen(small_slide().c_str(), "r"), TIFFClose);
    REQUIRE(TIFFReadDirectory(file.get()) == 1);
    end_of_first = TIFFCurrentDirOffset(file.get());
  }
  write_file(folder / "cut.svs", whole.substr(0, end_of_first + 1));
  CHECK(!aperio_facts(tiff_pages(folder / "cut.svs")));
  CHECK_THROWS_AS(Slide::open(folder / "cut.svs", "s"), Error);
}

TEST_CASE("Aperio's facts are OpenSlide's") {
  compare_facts(small_slide());
  if (const auto path = real_slide("CMU-1-Small-Region.svs"); !path.empty()) compare_facts(path);
  TemporaryFolder folder;
  const auto described = [&](const char* properties) {
    std::filesystem::copy_file(small_slide(), folder / "s.svs",
                               std::filesystem::copy_options::overwrite_existing);
    describe_anew(folder / "s.svs", std::string("Aperio Image Library\n1x1") + properties);
    return folder / "s.svs";
  };
  for (const char* properties :
       {"|MPP = 0,2520|AppMag = 40", "|MPP = 0.25|MPP = 0.5 ", "|MPP = 0.25|AppMag = 20x",
        "|MPP = 0.25|AppMag = 0", "|MPP = 1e-1|\nAppMag\t=\r\n20\n"}) {
    CAPTURE(properties);
    compare_facts(described(properties));
  }
  for (const char* properties : {"", "|MPP=|AppMag=20", "|mpp = 1", "|MPP = -1", "|MPP = 0.25 microns",
                                 "|xMPP = 3|MPP x = 4|MPP = 0.5 = 6"}) {
    CAPTURE(properties);
    const auto path = described(properties);
    CHECK(!aperio_facts(tiff_pages(path)));  // then OpenSlide says what else the file has
    CHECK(Slide::open(path, "s").facts().mpp ==
          Slide::open(path, "s", {.backend = Backend::openslide}).facts().mpp);
  }
  if (const auto path = real_slide("TCGA-CR-7395-01A-01-TS1.svs"); !path.empty())
    CHECK(!aperio_facts(tiff_pages(path)));
  std::filesystem::copy_file(small_slide(), folder / "other.svs");
  describe_anew(folder / "other.svs", "Another scanner|MPP = 0.5");
  CHECK(!aperio_facts(tiff_pages(folder / "other.svs")));
  CHECK(Slide::open(folder / "other.svs", "s").facts().vendor == "generic-tiff");
}
