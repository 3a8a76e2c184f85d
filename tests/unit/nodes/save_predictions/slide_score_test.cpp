// SPDX-License-Identifier: Apache-2.0
#include "nodes/save_predictions/slide_score.h"

#include <doctest/doctest.h>
#include <flowrun/error.h>

using namespace flowrun;
using namespace flowrun::wsi;

namespace {

Tile tile_with(std::vector<std::pair<std::string, double>> values) {
  Tile tile;
  tile.values = std::move(values);
  return tile;
}

}  // namespace

TEST_CASE("predictions: the second of two classes from its threshold on") {
  const auto predicted = [](double second, double threshold) {
    return Predictions(tile_with({{"p_a", 1 - second}, {"p_b", second}, {"threshold_b", threshold}}))
        .predicted();
  };
  CHECK(predicted(0.3, 0.2) == "b");
  CHECK(predicted(0.3, 0.3) == "b");
  CHECK(predicted(0.29, 0.3) == "a");
  CHECK(predicted(0.7, 0.8) == "a");
  CHECK(predicted(0.0, 0.0) == "b");
}

TEST_CASE("predictions: each label from its threshold on, or from 0.5") {
  const Predictions says(tile_with(
      {{"has_er", 0.4}, {"has_pr", 0.4}, {"has_ki67", 0.5}, {"threshold_er", 0.35}, {"threshold_pr", 0.45}}));
  CHECK(says.predicted() == "er: ki67");
  CHECK(says.columns() == std::vector<std::pair<std::string, double>>{{"has_er", 0.4},
                                                                      {"has_pr", 0.4},
                                                                      {"has_ki67", 0.5},
                                                                      {"threshold_er", 0.35},
                                                                      {"threshold_pr", 0.45}});
}

TEST_CASE("predictions: a slide's means are decided as its tiles are") {
  SlideScore score;
  for (const double second : {0.1, 0.2, 0.6}) {  // the mean is 0.3
    const Tile tile = tile_with({{"p_a", 1 - second}, {"p_b", second}, {"threshold_b", 0.25}});
    score.add(tile, Predictions(tile));
  }
  const std::string table = score.table("s");
  CHECK(table.starts_with("slide,tiles,label,predicted,p_a,p_b,threshold_b,share_a,share_b\ns,3,,b,"));
  CHECK(table.ends_with(",0.25,0.6666666666666666,0.3333333333333333\n"));
}

TEST_CASE("predictions: a threshold of two classes beside another model's classes is refused") {
  CHECK_THROWS_WITH_AS(
      Predictions(tile_with({{"p_a", 0.5}, {"p_b", 0.5}, {"threshold_b", 0.2}, {"p_c", 0.1}, {"p_d", 0.9}})),
      doctest::Contains("a threshold of two classes, and probabilities of 4 (a, b, c, d)"), Error);
}
