// SPDX-License-Identifier: Apache-2.0
#include "nodes/synth/islands.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <utility>
#include <vector>

using namespace flowrun::wsi;

TEST_CASE("synthetic scenes: islands keep apart, within the slide, and cover a good third of it") {
  const std::vector<std::pair<std::int64_t, std::int64_t>> sizes = {
      {20000, 20000}, {100000, 80000}, {5000, 40000}, {1000, 700}, {1, 1}};
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    for (const auto& [width, height] : sizes) {
      const synth::Scene scene = synth::make_scene(width, height, 0.5, seed);
      double area = 0.0;
      int holes = 0;
      REQUIRE(scene.islands.size() >= 3);
      REQUIRE(scene.islands.size() <= 8);
      for (std::size_t i = 0; i < scene.islands.size(); ++i) {
        const synth::Island& island = scene.islands[i];
        const synth::Rect box = island.border.bounds();
        CHECK(island.kind == (i % 2 == 0 ? synth::Material::tumor : synth::Material::stroma));
        CHECK((box.left > 0 && box.top > 0 && box.right < double(width) && box.bottom < double(height)));
        area += island.border.area();
        if (island.hole) {
          ++holes;
          area -= island.hole->area();
          for (const synth::Point& point : island.hole->polygon(200))
            CHECK(island.border.depth(point) < -0.05);
        }
        for (std::size_t j = 0; j < i; ++j) {
          const synth::Rect other = scene.islands[j].border.bounds();
          CHECK((box.right < other.left || other.right < box.left || box.bottom < other.top ||
                 other.bottom < box.top));
        }
      }
      const double share = area / (double(width) * double(height));
      CHECK(holes == 1);
      CHECK(share > 0.25);
      CHECK(share < 0.45);
    }
  }
}

TEST_CASE("synthetic scenes: tumor is in so many of the smallest islands and nowhere else") {
  for (const std::uint64_t seed : {1, 2, 3, 4, 5})
    for (const int tumors : {0, 1, 2}) {
      const synth::Scene scene = synth::make_scene(6000, 5000, 0.5, seed, tumors);
      double largest_tumor = 0, smallest_stroma = 1e12;
      int count = 0;
      for (const synth::Island& island : scene.islands) {
        const bool tumor = island.kind == synth::Material::tumor;
        count += tumor;
        if (tumor)
          largest_tumor = std::max(largest_tumor, island.border.area());
        else
          smallest_stroma = std::min(smallest_stroma, island.border.area());
      }
      CHECK(count == tumors);
      CHECK(largest_tumor < smallest_stroma);
      for (const synth::Layer& layer : scene.layers)
        if (layer.material == synth::Material::tumor)
          CHECK(std::any_of(scene.islands.begin(), scene.islands.end(), [&](const synth::Island& island) {
            return island.kind == synth::Material::tumor && island.border.depth(layer.outline.centre()) < 0;
          }));
      // The outlines are the same as without a wish.
      CHECK(scene.islands.front().border.area() ==
            synth::make_scene(6000, 5000, 0.5, seed).islands.front().border.area());
    }
}

TEST_CASE("synthetic scenes: an outline never misjudges a rectangle") {
  const synth::Scene scene = synth::make_scene(4000, 3000, 0.5, 3);
  std::mt19937 random(5);
  for (const synth::Layer& layer : scene.layers) {
    for (int i = 0; i < 300; ++i) {
      const auto x = static_cast<double>(random() % 4000);
      const auto y = static_cast<double>(random() % 3000);
      const double side = 4.0 * (1 << random() % 8);
      const synth::Side where = layer.outline.side({x, y, x + side, y + side}, 0.0);
      if (where == synth::Side::crossed) continue;
      bool agrees = true;
      for (int k = 0; k < 64; ++k) {
        const synth::Point at{x + side * (k % 8) / 7.0, y + side * (k / 8) / 7.0};
        if ((layer.outline.depth(at) < 0.0) != (where == synth::Side::inside)) agrees = false;
      }
      CHECK(agrees);
    }
  }
}
