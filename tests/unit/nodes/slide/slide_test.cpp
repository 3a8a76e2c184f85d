// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/slide.h>
#include <flowrun/wsi/thumbnail.h>
#include <tiffio.h>
#include <turbojpeg.h>

#include <atomic>
#include <fstream>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <thread>

#include "../slides.h"
#include "../tiffs.h"
#include "nodes/slide/readers.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

/// Reads windows inside, across and outside the edges by both readers.
void compare_readers(const std::filesystem::path& path) {
  const Slide slide = Slide::open(path, "s");
  const auto direct = open_tiff_reader(slide.share_facts(), tiff_pages(path));
  REQUIRE(direct);
  const auto reference =
      openslide_reader(slide.share_facts(), {}, OpenSlideHandle(openslide_open(path.c_str())));
  const std::int64_t w = slide.facts().width(), h = slide.facts().height();
  for (const auto& [x, y] : {std::pair<std::int64_t, std::int64_t>{0, 0},
                             {w / 2 + 3, h / 2 + 7},
                             {w - 100, h - 50},
                             {-20, -30},
                             {w + 10, 0}}) {
    CAPTURE(x);
    CAPTURE(y);
    cv::Mat ours(230, 310, CV_8UC3), theirs(230, 310, CV_8UC3);
    direct->read(0, x, y, ours);
    reference->read(0, x, y, theirs);
    CHECK(equal(ours, theirs));
  }
  for (int level = 1; level < slide.level_count(); ++level) {
    CAPTURE(level);
    const Level& size = slide.level(level);
    cv::Mat ours(static_cast<int>(size.height), static_cast<int>(size.width), CV_8UC3), theirs = ours.clone();
    direct->read(level, 0, 0, ours);
    reference->read(level, 0, 0, theirs);
    CHECK(equal(ours, theirs));
  }
}

/// A slide of one level whose JPEG tiles hold red, green and blue as they are, as Aperio's scanners write
/// them. `break_tile`: half of that tile's data is lost.
void write_rgb_jpeg(const std::filesystem::path& path, int tile,
                    std::optional<std::uint32_t> break_tile = {}) {
  const std::unique_ptr<TIFF, void (*)(TIFF*)> file(TIFFOpen(path.c_str(), "w"), TIFFClose);
  REQUIRE(file);
  cv::Mat rgb(500, 700, CV_8UC3);
  cv::RNG random(1);
  random.fill(rgb, cv::RNG::UNIFORM, 0, 256);
  cv::GaussianBlur(rgb, rgb, {7, 7}, 0);
  TIFFSetField(file.get(), TIFFTAG_IMAGEWIDTH, rgb.cols);
  TIFFSetField(file.get(), TIFFTAG_IMAGELENGTH, rgb.rows);
  TIFFSetField(file.get(), TIFFTAG_TILEWIDTH, tile);
  TIFFSetField(file.get(), TIFFTAG_TILELENGTH, tile);
  TIFFSetField(file.get(), TIFFTAG_SAMPLESPERPIXEL, 3);
  TIFFSetField(file.get(), TIFFTAG_BITSPERSAMPLE, 8);
  TIFFSetField(file.get(), TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(file.get(), TIFFTAG_COMPRESSION, COMPRESSION_JPEG);
  TIFFSetField(file.get(), TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_RGB);
  TIFFSetField(file.get(), TIFFTAG_JPEGQUALITY, 60);
  TIFFSetField(file.get(), TIFFTAG_IMAGEDESCRIPTION, "Aperio Image Library|MPP = 0.5|AppMag = 20");
  cv::copyMakeBorder(rgb, rgb, 0, tile, 0, tile, cv::BORDER_REPLICATE);
  std::uint32_t number = 0;
  for (int y = 0; y < 500; y += tile)
    for (int x = 0; x < 700; x += tile, ++number) {
      cv::Mat part = rgb(cv::Rect(x, y, tile, tile)).clone();
      const auto bytes = static_cast<tmsize_t>(part.total() * 3);
      REQUIRE(TIFFWriteEncodedTile(file.get(), number, part.data, bytes) == bytes);
    }
  if (!break_tile) return;
  // The rest of the tile's bytes are zeros: its Huffman codes end in the middle.
  TIFFWriteDirectory(file.get());
  TIFFSetDirectory(file.get(), 0);
  const std::uint64_t begin = TIFFGetStrileOffset(file.get(), *break_tile),
                      bytes = TIFFGetStrileByteCount(file.get(), *break_tile);
  std::fstream raw(path, std::ios::in | std::ios::out | std::ios::binary);
  raw.seekp(static_cast<std::streamoff>(begin + bytes / 2));
  raw << std::string(bytes / 2, '\0');
}

}  // namespace

TEST_CASE("JPEG tiles of red, green and blue are those of OpenSlide; a broken one is refused as by it") {
  TemporaryFolder folder;
  for (const int tile : {240, 256, 16}) {
    CAPTURE(tile);
    write_rgb_jpeg(folder / "s.svs", tile);
    compare_readers(folder / "s.svs");
  }
  write_rgb_jpeg(folder / "broken.svs", 240, 3);  // the first tile of the second row
  compare_readers(folder / "broken.svs");
  cv::Mat rgb(10, 10, CV_8UC3);
  for (const Backend backend : {Backend::tiff, Backend::openslide}) {
    const Slide slide = Slide::open(folder / "broken.svs", "s", {.backend = backend});
    for (int again = 0; again < 2; ++again) {
      CHECK_THROWS_WITH_AS(slide.read(0, 5, 245, rgb), doctest::Contains("cannot read level 0 at x="), Error);
      slide.read(0, 5, 5, rgb);
    }
  }
}

TEST_CASE("threads that read whole tiles through OpenSlide do not mind one that reads a broken one") {
  TemporaryFolder folder;
  write_rgb_jpeg(folder / "broken.svs", 240, 3);
  const Slide slide = Slide::open(folder / "broken.svs", "s", {.backend = Backend::openslide});
  std::atomic<int> whole = 0, broken = 0, wrong = 0;
  cv::Mat expected(100, 100, CV_8UC3);
  slide.read(0, 250, 100, expected);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      cv::Mat rgb(100, 100, CV_8UC3);
      for (int i = 0; i < 25; ++i) try {
          const bool at_broken = t == 0 && i % 2 == 0;
          slide.read(0, at_broken ? 50 : 250, at_broken ? 250 : 100, rgb);
          ++(equal(rgb, expected) ? whole : wrong);
        } catch (const Error&) {
          ++broken;
        }
    });
  for (auto& thread : threads) thread.join();
  CHECK(whole == 87);
  CHECK(broken == 13);
  CHECK(wrong == 0);
}

TEST_CASE("a JPEG tile of four components is refused") {
  TemporaryFolder folder;
  write_rgb_jpeg(folder / "s.svs", 240);
  const cv::Mat pixels(240, 240, CV_8UC4, cv::Scalar(10, 20, 30, 40));
  const std::unique_ptr<void, int (*)(tjhandle)> encoder(tjInitCompress(), &tjDestroy);
  std::vector<unsigned char> jpeg(tjBufSize(240, 240, TJSAMP_444));
  unsigned char* to = jpeg.data();
  unsigned long bytes = jpeg.size();
  REQUIRE(tjCompress2(encoder.get(), pixels.data, 240, 0, 240, TJPF_CMYK, &to, &bytes, TJSAMP_444, 80,
                      TJFLAG_NOREALLOC) == 0);
  {
    const std::unique_ptr<TIFF, void (*)(TIFF*)> file(TIFFOpen((folder / "s.svs").c_str(), "r+"), TIFFClose);
    REQUIRE(TIFFWriteRawTile(file.get(), 0, to, static_cast<tmsize_t>(bytes)) > 0);
  }
  cv::Mat rgb(100, 100, CV_8UC3);
  CHECK_THROWS_WITH_AS(Slide::open(folder / "s.svs", "s", {.backend = Backend::tiff}).read(0, 0, 0, rgb),
                       doctest::Contains("cannot read level 0 at x=0, y=0"), Error);
}

TEST_CASE("the direct reader gives OpenSlide's pixels") {
  compare_readers(small_slide());
  for (const char* name : {"CMU-1-Small-Region.svs", "TCGA-CR-7395-01A-01-TS1.svs"}) {
    const auto path = real_slide(name);
    if (path.empty())
      MESSAGE("skipped, as it is not there: " << name);
    else
      compare_readers(path);
  }
}

TEST_CASE("a slide's facts come from the file, and MPP can be given by hand") {
  const Slide slide = Slide::open(small_slide(), "named");
  CHECK(slide.facts().name == "named");
  CHECK(slide.facts().vendor == "aperio");
  CHECK(slide.facts().width() == 2600);
  CHECK(slide.facts().height() == 1900);
  CHECK(slide.facts().mpp_or_throw() == doctest::Approx(0.5));
  CHECK(slide.facts().objective_power == 20);
  CHECK(Slide::open(small_slide(), "s", {.mpp = 0.25}).facts().mpp == 0.25);
  CHECK(slide.level_for(1) == 0);
  CHECK(slide.level_for(3.9) == 0);
  CHECK(slide.level_for(4) == 1);
  SlideFacts unknown;
  unknown.path = "x.svs";
  CHECK_THROWS_WITH_AS(unknown.mpp_or_throw(), doctest::Contains("give `mpp:`"), Error);
}

TEST_CASE("a backend can be forced, and one that cannot read the slide says why") {
  cv::Mat direct(300, 300, CV_8UC3), through_openslide = direct.clone();
  Slide::open(small_slide(), "s", {.backend = Backend::tiff}).read(0, 100, 100, direct);
  Slide::open(small_slide(), "s", {.backend = Backend::openslide}).read(0, 100, 100, through_openslide);
  CHECK(equal(direct, through_openslide));
  auto other = std::make_shared<SlideFacts>(Slide::open(small_slide(), "s").facts());
  CHECK(Slide::open(small_slide(), "s").reader_name() == "tiff");
  CHECK(Slide::open(small_slide(), "s", {.backend = Backend::openslide}).reader_name() == "openslide");
  other->vendor = "hamamatsu";
  CHECK_THROWS_WITH_AS(open_tiff_reader(other, tiff_pages(small_slide())),
                       doctest::Contains("its format is hamamatsu; it reads tiled RGB TIFFs"), Error);
}

TEST_CASE("the file's own JPEG tiles can be copied and show the same pixels") {
  for (const auto& [path, size] :
       {std::pair{small_slide(), 256}, {real_slide("CMU-1-Small-Region.svs"), 240}}) {
    if (path.empty()) {
      MESSAGE("a real slide is not there: skipped");
      continue;
    }
    CAPTURE(path);
    const Slide slide = Slide::open(path, "s");
    std::vector<std::uint8_t> jpeg;
    REQUIRE(slide.copy_jpeg_tile(0, 2 * size, 3 * size, size, jpeg));
    cv::Mat decoded = cv::imdecode(jpeg, cv::IMREAD_COLOR), expected(size, size, CV_8UC3);
    cv::cvtColor(decoded, decoded, cv::COLOR_BGR2RGB);
    slide.read(0, 2 * size, 3 * size, expected);
    CHECK(equal(decoded, expected));
    CHECK(!slide.copy_jpeg_tile(0, 2 * size + 1, 0, size, jpeg));
    CHECK(!slide.copy_jpeg_tile(0, 0, 0, 2 * size, jpeg));
    CHECK(!slide.copy_jpeg_tile(0, slide.facts().width() / size * size, 0, size, jpeg));  // cut by the edge
    CHECK(!Slide::open(path, "s", {.backend = Backend::openslide}).copy_jpeg_tile(0, 0, 0, size, jpeg));
  }
}

TEST_CASE("what is no slide is refused by name") {
  TemporaryFolder folder;
  write_file(folder / "empty.svs", "");
  write_file(folder / "text.svs", "this is a text\n");
  CHECK_THROWS_WITH_AS(Slide::open(folder / "gone.svs", "s"),
                       doctest::Contains("gone.svs: there is no such file"), Error);
  CHECK_THROWS_WITH_AS(Slide::open(folder / "empty.svs", "s"),
                       doctest::Contains("empty.svs: the file is empty"), Error);
  CHECK_THROWS_WITH_AS(Slide::open(folder / "text.svs", "s"),
                       doctest::Contains("not a slide in a format that OpenSlide knows"), Error);
}

TEST_CASE("opening and closing leaves no descriptor behind") {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                         std::filesystem::directory_iterator());
  };
  cv::Mat rgb(64, 64, CV_8UC3);
  Slide::open(small_slide(), "s").read(0, 0, 0, rgb);
  const auto before = descriptors();
  for (int i = 0; i < 200; ++i) Slide::open(small_slide(), "s").read(0, 0, 0, rgb);
  CHECK(descriptors() == before);
}

TEST_CASE("a thumbnail is the level itself, or its area average, whatever the blocks") {
  const Slide slide = Slide::open(small_slide(), "s");
  cv::Mat level0(1900, 2600, CV_8UC3);
  slide.read(0, 0, 0, level0);
  cv::Mat grey;
  cv::cvtColor(level0, grey, cv::COLOR_RGB2GRAY);
  CHECK(equal(read_thumbnail_score(slide, {0, 2600, 1900}, grey_score()), grey));
  CHECK(equal(read_thumbnail_rgb(slide, {0, 2600, 1900}), level0));
  cv::Mat half;
  cv::resize(level0, half, {1300, 950}, 0, 0, cv::INTER_AREA);
  CHECK(equal(read_thumbnail_rgb(slide, {0, 1300, 950}), half));
  const Thumbnail coarse = thumbnail_at_downsample(slide, 10);
  CHECK(coarse.level == 1);
  CHECK(coarse.cols == 260);
  CHECK(coarse.rows == 190);
  CHECK(thumbnail_at_level(slide, 9).level == slide.level_count() - 1);
}

TEST_CASE("coverage counts mask pixels in the tile's window") {
  Mask mask;
  mask.pixels = cv::Mat::zeros(10, 20, CV_8UC1);
  mask.slide_width = 200;
  mask.slide_height = 100;
  mask.pixels(cv::Rect(0, 0, 2, 5)).setTo(255);
  CHECK(mask.coverage(0, 0, 40) == doctest::Approx(2.0 * 4 / 16));
  CHECK(mask.coverage(10, 10, 20) == doctest::Approx(2.0 / 4));
  CHECK(mask.coverage(100, 0, 50) == 0);
  CHECK(mask.coverage(0, 0, 3) == 1);
  CHECK(mask.coverage(190, 90, 40) == 0);
}
