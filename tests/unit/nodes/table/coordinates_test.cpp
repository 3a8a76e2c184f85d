// SPDX-License-Identifier: Apache-2.0
#include "nodes/table/coordinates.h"

#include <doctest/doctest.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <array>
#include <csignal>

#include "nodes/table/h5_file.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

std::shared_ptr<SlideFacts> slide() {
  SlideFacts facts;
  facts.path = "/slides/small.svs";
  facts.name = "small";
  facts.levels = {{2600, 1900, 1}, {650, 475, 4}};
  facts.mpp = 0.5;
  return std::make_shared<SlideFacts>(facts);
}

std::string places_of(CoordinateReader& reader) {
  std::string out;
  while (const auto place = reader.next()) out += fmt::format("{},{}{} ", place->x, place->y, place->label);
  return out;
}

/// A file that h5py wrote as the tools do.
std::filesystem::path sample(const std::string& name) {
  return std::filesystem::path(FLOWRUN_SOURCE) / "tests/fuzz/corpus/coordinates_h5" / name;
}

std::string error_of(const std::filesystem::path& file) {
  try {
    places_of(*CoordinateReader::open(file, slide()));
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const std::string six = "0,256 0,512 256,256 256,512 512,256 512,512 ";

}  // namespace

TEST_CASE("coordinates from tables: our own, with and without the rest") {
  const TemporaryFolder folder;
  write_file(folder / "tiles.csv",
             "path,slide,x,y,level,size,mpp,coverage\n"
             "small_x0_y0.png,small,0,0,0,512,0.5,0.7\nother_x9_y9.png,other,9,9,1,64,9,\n"
             "small_x512_y0.png,small.svs,512,0,0,512,0.5,0.3\n");
  const auto own = CoordinateReader::open(folder / "tiles.csv", slide());
  CHECK(own->kind() == TileKind{512, 0, 0.5, {}, {}});
  CHECK(!own->total());
  CHECK(places_of(*own) == "0,0 512,0 ");
  write_file(folder / "bare.tsv", "y\tx\tlabel\n3\t-1\ta\n4.0\t2\t\n");
  const auto bare = CoordinateReader::open(folder / "bare.tsv", slide());
  CHECK(bare->kind() == TileKind{});
  CHECK(places_of(*bare) == "-1,3a 2,4 ");
  write_file(folder / "others.csv", "x,y,slide,size\n1,2,other,5\n");
  const auto others = CoordinateReader::open(folder / "others.csv", slide());
  CHECK(others->kind() == TileKind{});
  CHECK(!others->next());
}

TEST_CASE("coordinates from tables: mistakes") {
  const TemporaryFolder folder;
  const auto said = [&](const std::string& text) {
    write_file(folder / "t.csv", text);
    const std::string error = error_of(folder / "t.csv");
    return error.substr(std::min(error.find(":"), error.size()));
  };
  CHECK(said("x,z\n") == ":1: there is no column 'y'; the columns are x, z");
  CHECK(said("x,y\n1,2\n1,b\n") == ":3: 'y': expected a number, found 'b'");
  CHECK(said("x,y,size\n1,2,256\n1,2,512\n") ==
        ":3: size, level, mpp or extent differ from those in line 2; all tiles of a slide must be alike");
  CHECK(said("x,y\n2600,0\n") == ":2: the tile at x 2600, y 0 is outside of the slide (2600 x 1900 pixels)");
  CHECK(said("x,y,extent\n-256,0,256\n") ==
        ":2: the tile at x -256, y 0 is outside of the slide (2600 x 1900 pixels)");
  CHECK(said("x,y,extent\n-255,0,256\n").empty());
  CHECK(said("x,y,level\n0,0,2\n") == ":2: 'level': expected 0 to 1, found 2");
  CHECK(said("x,y,size\n0,0,0\n") == ":2: 'size': expected 1 to 1048576, found 0");
  CHECK(said("x,y\n-9223372036854775808,9223372036854775807\n").find("outside of the slide") !=
        std::string::npos);
  CHECK(error_of(folder / "gone.csv").find("cannot be read: No such file") != std::string::npos);
}

TEST_CASE("coordinates from HDF5 as CLAM and TRIDENT write it") {
  for (const char* name : {"clam.h5", "gzip_shuffle.h5", "latest.h5"}) {
    CAPTURE(name);
    const auto clam = CoordinateReader::open(sample(name), slide());
    CHECK(clam->kind() == TileKind{256, 0, {}, {}, {}});
    CHECK(clam->total() == 6);
    CHECK(places_of(*clam) == six);
  }
  const auto trident = CoordinateReader::open(sample("trident.h5"), slide());
  CHECK(trident->kind() == TileKind{256, {}, {}, 512.0, 0});
  CHECK(places_of(*trident) == six);
  const auto none = CoordinateReader::open(sample("trident_none.h5"), slide());
  CHECK(none->total() == 0);
  CHECK(!none->next());
  const auto features = CoordinateReader::open(sample("features.h5"), slide());
  CHECK(features->kind() == TileKind{});
  CHECK(places_of(*features) == six);
}

TEST_CASE("coordinates from HDF5 as STAMP writes it: microns, rounded to pixels") {
  const auto stamp = CoordinateReader::open(sample("stamp_microns.h5"), slide());
  CHECK(stamp->kind() == TileKind{224, {}, {}, 256.0, {}});
  CHECK(stamp->total() == 6);
  CHECK(places_of(*stamp) == six);
  const auto unknown = slide();
  unknown->mpp.reset();
  CHECK_THROWS_WITH_AS(
      CoordinateReader::open(sample("stamp_microns.h5"), unknown),
      doctest::Contains("stamp_microns.h5: its places are microns, but /slides/small.svs: the "
                        "slide does not say its microns per pixel; give `mpp:`"),
      Error);
}

TEST_CASE("coordinates from HDF5 as TRIDENT writes it: case.ome.tif is case") {
  const TemporaryFolder folder;
  const auto ome = slide();
  ome->path = "/slides/case.ome.TIF";
  ome->name = "folder_case.ome";
  const auto open = [&](const std::string& name, bool trident) {
    H5Writer file(folder / "x.h5");
    file.add({"coords", H5Type::int64, {2}, 1});
    file.attribute("coords", "name", name);
    if (trident) {
      file.attribute("coords", "level0_width", ome->width());
      file.attribute("coords", "level0_height", ome->height());
    }
    file.close();
    CoordinateReader::open(folder / "x.h5", ome);
  };
  CHECK_NOTHROW(open("folder_case", true));
  CHECK_NOTHROW(open("case.ome", true));
  CHECK_THROWS_AS(open("folder_case", false), Error);  // CLAM calls it folder_case.ome
  CHECK_THROWS_AS(open("folder", true), Error);
  ome->path = "/slides/case.ome.svs";
  CHECK_THROWS_AS(open("folder_case", true), Error);
}

TEST_CASE("coordinates from HDF5: many rows") {
  const TemporaryFolder folder;
  {
    H5Writer file(folder / "many.h5");
    file.add({"coords", H5Type::int64, {2}, 32});
    for (std::int64_t i = 0; i < 10001; ++i)
      file.append<std::int64_t>("coords", std::array{i % 2600, i / 2600});
    file.close();
  }
  const auto many = CoordinateReader::open(folder / "many.h5", slide());
  std::int64_t i = 0;
  for (; const auto place = many->next(); ++i) {
    REQUIRE(place->x == i % 2600);
    REQUIRE(place->y == i / 2600);
  }
  CHECK(i == 10001);
}

TEST_CASE("coordinates from HDF5: what is not read is refused") {
  const auto ends = [](const std::string& text, const std::string& end) {
    CAPTURE(text);
    CHECK(text.ends_with(end));
  };
  ends(
      error_of(sample("stamp.h5")),
      "stamp.h5: 'coords' must be whole numbers, or microns with the file's attribute tile_size_um, of shape "
      "(tiles, 2), found float32 of shape (6, 2)");
  ends(error_of(sample("linked.h5")), "linked.h5: 'coords' is a link to somewhere else");
  ends(error_of(sample("lzf.h5")), "lzf.h5: cannot be read: it is compressed by another method than gzip");
  const TemporaryFolder folder;
  const auto with = [&](const std::string& name, const H5Attribute& value) {
    H5Writer file(folder / "x.h5");
    file.add({"coords", H5Type::int64, {2}, 32});
    file.append<std::int64_t>("coords", std::array<std::int64_t, 4>{0, 0, 7, 2000});
    file.attribute("coords", name, value);
    file.close();
    return error_of(folder / "x.h5");
  };
  ends(with("name", std::string("other")), "x.h5: these are tiles of slide 'other', not of 'small'");
  ends(with("patch_size", 0.5), "x.h5: 'patch_size': expected 1 to 1048576, found 0.5");
  ends(with("patch_size", 2.5), "x.h5: 'patch_size': expected a whole number, found 2.5");
  ends(with("patch_size", std::string("big")), "x.h5: the attribute 'patch_size' of 'coords' is no number");
  ends(with("patch_level", std::int64_t{2}), "x.h5: 'patch_level': expected 0 to 1, found 2");
  ends(with("overlap", std::int64_t{0}),
       "x.h5: row 1: the tile at x 7, y 2000 is outside of the slide (2600 x 1900 pixels)");
  {
    H5Writer file(folder / "empty.h5");
    file.close();
  }
  ends(error_of(folder / "empty.h5"), "empty.h5: there is no dataset 'coords'");
  // libhdf5 1.10.8 crashes on this one.
  CHECK(error_of(sample("broken_index.h5")).find("broken_index.h5: ") != std::string::npos);
  write_file(folder / "cut.h5", read_file(sample("clam.h5")).substr(0, 3000));
  CHECK(error_of(folder / "cut.h5").find("cut.h5: cannot be read: ") != std::string::npos);
}

TEST_CASE("HDF5: rows of any shape and type, the same bytes each time") {
  const TemporaryFolder folder;
  const auto write = [&](const std::string& name) {
    H5Writer file(folder / name);
    file.add({"a", H5Type::int32, {3}, 2});
    file.add({"f", H5Type::float32, {}, 1, 3});
    for (int i = 0; i < 9000; ++i) {  // more than is gathered at once
      file.append<std::int32_t>("a", std::array{i, i + 1, i + 2});
      file.append<float>("f", std::array{0.5F * static_cast<float>(i)});
    }
    file.attribute("f", "encoder", std::string("r\xc3\xa9snet"));
    file.close();
  };
  write("1.h5");
  write("2.h5");
  CHECK(read_file(folder / "1.h5") == read_file(folder / "2.h5"));
  const H5Reader file(folder / "1.h5");
  CHECK(file.shape("a").dims == std::vector<std::uint64_t>{9000, 3});
  CHECK(file.shape("a").type == "int32");
  CHECK(file.shape("f").type == "float32");
  CHECK(file.text("f", "encoder") == "r\xc3\xa9snet");
  CHECK(!file.text("f", "none"));
  std::vector<std::int64_t> rows;
  file.read("a", 8998, 2, rows);
  CHECK(rows == std::vector<std::int64_t>{8998, 8999, 9000, 8999, 9000, 9001});
  CHECK_THROWS_WITH_AS(H5Writer(folder / "no/such/folder.h5"),
                       doctest::Contains("folder.h5: No such file or directory"), Error);
}

TEST_CASE("HDF5: a full disk is an error, and the library lives on") {
  const TemporaryFolder folder;
  ::signal(SIGXFSZ, SIG_IGN);
  ::rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  for (const ::rlim_t most : {0, 1000, 100000, 1000000}) {
    const ::rlimit limit{most, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    std::string said;
    try {
      H5Writer file(folder / "full.h5");
      file.add({"coords", H5Type::int64, {2}, 1});
      file.add({"imgs", H5Type::uint8, {100, 100, 3}, 1, 0});
      file.attribute("coords", "name", std::string("x"));
      for (std::int64_t i = 0; i < 20000; ++i) file.append<std::int64_t>("coords", std::array{i, i});
      for (int i = 0; i < 20; ++i) file.append_chunk("imgs", std::vector<std::uint8_t>(30000));
      file.close();
    } catch (const Error& error) {
      said = error.what();
    }
    ::setrlimit(RLIMIT_FSIZE, &before);
    CHECK(said == fmt::format("cannot write {}: File too large", (folder / "full.h5").string()));
  }
  H5Writer after(folder / "after.h5");
  after.add({"coords", H5Type::int64, {2}, 1});
  after.append<std::int64_t>("coords", std::array<std::int64_t, 2>{1, 2});
  after.close();
  CHECK(H5Reader(folder / "after.h5").shape("coords").dims == std::vector<std::uint64_t>{1, 2});
}
