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
                       doctest::Contains("bad.csv:1: there is no column 'path'"), Error);
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
