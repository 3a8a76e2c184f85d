// SPDX-License-Identifier: Apache-2.0
#include "nodes/table/slide_list.h"

#include <doctest/doctest.h>
#include <flowrun/error.h>

#include <algorithm>
#include <filesystem>

#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

std::string names(const std::vector<ListedSlide>& slides) {
  std::string out;
  for (const ListedSlide& slide : slides) out += (out.empty() ? "" : " ") + slide.name;
  return out;
}

/// a/x.svs a/y.svs a/note.txt b/x.svs b/deep/z.ndpi
struct Tree : TemporaryFolder {
  Tree() {
    std::filesystem::create_directories(path() / "b" / "deep");
    std::filesystem::create_directories(path() / "a");
    for (const char* file : {"a/x.svs", "a/y.svs", "a/note.md", "b/x.svs", "b/deep/z.NDPI"})
      write_file(path() / file, "?");
  }
};

}  // namespace

TEST_CASE("a folder stands for all slides below it, names told apart by folders") {
  const Tree tree;
  CHECK(names(list_slides({tree.path()})) == "a_x y z b_x");
  CHECK(names(list_slides({tree / "a"})) == "x y");
}

TEST_CASE("patterns and files; each slide once, sorted") {
  const Tree tree;
  CHECK(names(list_slides({tree / "a/*.svs"})) == "x y");
  CHECK(names(list_slides({tree / "b/x.svs", tree / "a/y.svs", tree / "b/../b/x.svs"})) == "y x");
  CHECK(names(list_slides({tree / "gone.svs"})) == "gone");
}

TEST_CASE("lists name slides relative to themselves") {
  const Tree tree;
  write_file(tree / "list.txt", "# two\n a/x.svs\n\nb/deep/z.NDPI\n");
  CHECK(names(list_slides({tree / "list.txt"})) == "x z");
  write_file(tree / "list.csv", "\xef\xbb\xbfid,path\n1,a/x.svs\n2,\"b/x.svs\"\r\n");
  CHECK(names(list_slides({tree / "list.csv"})) == "a_x b_x");
}

TEST_CASE("a list can say the slides' microns per pixel") {
  const Tree tree;
  const auto list = [&](const std::string& text) {
    write_file(tree / "list.csv", text);
    return list_slides({tree / "list.csv"});
  };
  const auto trident = list("wsi,mpp\na/x.svs,0.25\na/y.svs,\n");
  CHECK(names(trident) == "x y");
  CHECK(trident[0].mpp == 0.25);
  CHECK(!trident[1].mpp);
  CHECK(list("\xef\xbb\xbfpath;mpp\r\na/x.svs;0,2527\r\n")[0].mpp == 0.2527);
  for (const char* wrong : {"0", "-1", "inf", "nan", "1001", "0,25", "about 1"}) {
    CAPTURE(wrong);
    CHECK_THROWS_WITH_AS(list("path,mpp\na/x.svs,\"" + std::string(wrong) + "\"\n"),
                         doctest::Contains("list.csv:2: 'mpp': expected"), Error);
  }
  // The MPP is the slide's, by whichever name it is found.
  list("path,mpp\nb/../a/x.svs,0.25\n");
  const auto both = list_slides({tree / "a", tree / "list.csv"});
  CHECK(names(both) == "x y");
  CHECK(both[0].mpp == 0.25);
  CHECK_THROWS_WITH_AS(
      list("path,mpp\na/x.svs,0.25\na/x.svs,0.5\n"),
      doctest::Contains("lists this slide with 0.5 microns per pixel, and it is listed with 0.25"), Error);
}

TEST_CASE("folders that are links are read, each once, by the name without links") {
  namespace fs = std::filesystem;
  const Tree tree;
  fs::create_directories(tree / "links/.hidden");
  write_file(tree / "links/.hidden/h.svs", "?");
  fs::create_directory_symlink("../a", tree / "links/to_a");
  fs::create_directory_symlink("../b/deep", tree / "links/deep");
  fs::create_directory_symlink(".", tree / "links/again");
  fs::create_directory_symlink("nowhere", tree / "links/broken");
  fs::create_directory_symlink("circle", tree / "links/circle");
  CHECK(names(list_slides({tree / "links"})) == "z x y");
  fs::create_directory_symlink("b", tree / "0_first");
  const auto all = list_slides({tree.path()});
  CHECK(names(all) == "a_x y z b_x");
  CHECK(all.back().path == fs::canonical(tree.path()) / "b/x.svs");
}

TEST_CASE("a name with brackets is a name where it is there, else a pattern") {
  namespace fs = std::filesystem;
  const Tree tree;
  for (const char* folder : {"run[1]", "run1", "what?", "run[1]/*"}) fs::create_directories(tree / folder);
  for (const char* file : {"run[1]/i.svs", "run[1]/k[2].svs", "run1/o.svs", "what?/w.svs", "run[1]/*/s.svs"})
    write_file(tree / file, "?");
  CHECK(names(list_slides({tree / "run[1]"})) == "s i k[2]");
  CHECK(names(list_slides({tree / "run[1]/k[2].svs"})) == "k[2]");
  CHECK(names(list_slides({tree / "run[1]/?.svs"})) == "i");
  CHECK(names(list_slides({tree / "run[1]/*/*.svs"})) == "s");
  CHECK(names(list_slides({tree / "what?/*.svs"})) == "w");
  fs::remove_all(tree / "run[1]");
  CHECK(names(list_slides({tree / "run[1]/*.svs"})) == "o");
}

TEST_CASE("a place that stands for nothing is an error that names it") {
  const Tree tree;
  std::filesystem::create_directories(tree / "none");
  CHECK_THROWS_WITH_AS(list_slides({tree / "none"}), doctest::Contains("there are no slides in this folder"),
                       Error);
  CHECK_THROWS_WITH_AS(list_slides({tree / "*.xyz"}), doctest::Contains("no file matches this pattern"),
                       Error);
  CHECK_THROWS_WITH_AS(list_slides({tree / "nowhere"}), doctest::Contains("there is no such file or folder"),
                       Error);
  write_file(tree / "bad.csv", "id,file\n1,x.svs\n");
  CHECK_THROWS_WITH_AS(list_slides({tree / "bad.csv"}),
                       doctest::Contains("bad.csv:1: there is no column 'path' or 'wsi'"), Error);
  write_file(tree / "short.csv", "id,path\n1\n");
  CHECK_THROWS_WITH_AS(list_slides({tree / "short.csv"}),
                       doctest::Contains("short.csv:2: no path in this line"), Error);
}

TEST_CASE("slides of one name in one folder are told apart by their extensions") {
  TemporaryFolder folder;
  write_file(folder / "x.svs", "?");
  write_file(folder / "x.tif", "?");
  const auto slides = list_slides({folder.path()});
  CHECK(slides[0].name != slides[1].name);
}

TEST_CASE("slides whose names print alike are told apart all the same") {
  const auto names_of = [](const std::vector<std::string>& files) {
    TemporaryFolder folder;
    for (const std::string& file : files) {
      std::filesystem::create_directories((folder / file).parent_path());
      write_file(folder / file, "?");
    }
    std::vector<std::string> names;
    for (const auto& slide : list_slides({folder.path()})) names.push_back(slide.name);
    return names;  // in the order of the paths
  };
  using Names = std::vector<std::string>;
  CHECK(names_of({"a\x01.svs", "a%01.svs"}) == Names{"a%01.svs", "a%2501.svs"});
  CHECK(names_of({"a%25\xfc.svs", "a%\xfc.svs", "a%25%FC.svs"}).size() == 3);
  for (const Names& files :
       {Names{"a\x01.svs", "a%01.svs", "a%2501.svs"}, Names{"a%\xfc.svs", "a%25%FC.svs", "a%25\xfc.svs"},
        Names{"f\x01/x.svs", "f%01/x.svs"}, Names{"f\x01/x.svs", "f%01/x.svs", "g/x.svs", "f%01/x.tif"},
        Names{"a\x01.svs", "a%01.svs", "a%01.svs.svs", "a%2501.svs.svs"}}) {
    Names names = names_of(files);
    CHECK(names.size() == files.size());
    std::ranges::sort(names);
    CHECK(std::ranges::adjacent_find(names) == names.end());
  }
}

TEST_CASE("a text that journals cannot hold is written byte by byte, so that different ones stay different") {
  CHECK(printable("gr\xc3\xbcn 100%") == "gr\xc3\xbcn 100%");
  CHECK(printable("100%\xfc") == "100%25%FC");
  CHECK(printable("a\tb\x7f") == "a%09b%7F");
  // Overlong, a surrogate, beyond Unicode: no UTF-8 (RFC 3629), and JSON would refuse them.
  CHECK(printable("\xc0\xaf") == "%C0%AF");
  CHECK(printable("\xed\xa0\x80") == "%ED%A0%80");
  CHECK(printable("\xf5\x80\x80\x80") == "%F5%80%80%80");
}
