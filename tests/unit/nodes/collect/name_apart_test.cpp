// SPDX-License-Identifier: Apache-2.0
#include "nodes/collect/name_apart.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace flowrun::wsi::collect;

TEST_CASE("collect: names are told apart by the folders above, then by numbers") {
  CHECK(name_apart("b/a/x.svs", "root", 0) == "x.svs");
  CHECK(name_apart("b/a/x.svs", "root", 1) == "a_x.svs");
  CHECK(name_apart("b/a/x.svs", "root", 2) == "b_a_x.svs");
  CHECK(name_apart("b/a/x.svs", "root", 3) == "root_b_a_x.svs");
  CHECK(name_apart("b/a/x.svs", "root", 4) == "x_5.svs");
  CHECK(name_apart("x.svs", "root", 1) == "root_x.svs");
  CHECK(name_apart("x.svs", "root", 2) == "x_3.svs");
}

TEST_CASE("collect: a folder of logs always has its folder's name") {
  CHECK(name_apart("b/a/logs", "root", 0) == "a_logs");
  CHECK(name_apart("b/a/Logs", "root", 1) == "b_a_Logs");
  CHECK(name_apart("logs", "root", 0) == "root_logs");
  CHECK(name_apart("logs", "root", 1) == "logs_2");
}

TEST_CASE("collect: no name is longer than a file system takes, and none comes twice") {
  const std::string folder(250, 'f'), umlauts = [] {
    std::string out;
    for (int i = 0; i < 125; ++i) out += "\xc3\xa4";  // 250 bytes
    return out;
  }();
  for (const std::string& path : {folder + "/" + umlauts + ".svs", std::string("a/x.svs"), folder + "/logs",
                                  "a/" + std::string(251, 'x') + ".svs"}) {
    std::set<std::string> names;
    for (std::size_t attempt = 0; attempt < 120; ++attempt) {
      const std::string name = name_apart(path, "root", attempt);
      CHECK(name.size() <= 255);
      CHECK(name.find('/') == std::string::npos);
      CHECK(names.insert(name).second);
    }
  }
  // 255 bytes with "_2.svs" leave 249 for the stem: 124 whole letters of two bytes.
  CHECK(name_apart(folder + "/" + umlauts + ".svs", "root", 1) == umlauts.substr(0, 248) + "_2.svs");
}
