// SPDX-License-Identifier: Apache-2.0
#include "islands.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "nodes/base/random.h"

namespace flowrun::wsi::synth {
namespace {

constexpr double full_turn = 2.0 * std::numbers::pi;
constexpr std::uint64_t placing = 1;
constexpr std::uint64_t shaping = 2;

/// 1 + sum of a_k cos(k theta + phi_k) over consecutive k.
class Harmonics {
 public:
  /// Amplitudes fall off with k and add up to `roughness`, less than 1, at the most.
  Harmonics(Random& random, int first, int last, double roughness) : first_(first) {
    double sum = 0.0;
    for (int k = first; k <= last; ++k) {
      waves_.push_back({random.uniform(0.4, 1.0) / k, random.uniform(0.0, full_turn)});
      sum += waves_.back().amplitude;
    }
    const double scale = roughness * random.uniform(0.75, 1.0) / sum;
    for (Wave& wave : waves_) wave.amplitude *= scale;
  }

  double operator()(double theta) const {
    double sum = 1.0;
    int k = first_;
    for (const Wave& wave : waves_) sum += wave.amplitude * std::cos(k++ * theta + wave.phase);
    return sum;
  }

 private:
  struct Wave {
    double amplitude;
    double phase;
  };
  int first_;
  std::vector<Wave> waves_;
};

double width_of(const Rect& rect) {
  return rect.right - rect.left;
}
double height_of(const Rect& rect) {
  return rect.bottom - rect.top;
}

int island_count(std::int64_t width, std::int64_t height, Random& random) {
  const double sizes = std::log2(static_cast<double>(std::max(width, height)) / 2500.0);
  return static_cast<int>(std::clamp(3.0 + std::floor(sizes + random.uniform(0.0, 1.5)), 3.0, 8.0));
}

/// Cuts the slide into `count` cells, always the largest one across its longer side.
std::vector<Rect> cut_cells(Rect slide, int count, Random& random) {
  std::vector<Rect> cells{slide};
  while (static_cast<int>(cells.size()) < count) {
    const auto largest = std::max_element(cells.begin(), cells.end(), [](const Rect& a, const Rect& b) {
      return width_of(a) * height_of(a) < width_of(b) * height_of(b);
    });
    Rect rest = *largest;
    const double share = random.uniform(0.38, 0.62);
    if (width_of(rest) >= height_of(rest)) {
      largest->right = rest.left = rest.left + share * width_of(rest);
    } else {
      largest->bottom = rest.top = rest.top + share * height_of(rest);
    }
    cells.push_back(rest);
  }
  return cells;
}

/// The box of linear share `fill` of a cell, somewhere in it, leaving some glass on all sides.
Rect place_box(const Rect& cell, double fill, Random& random) {
  const double slack_x = (1.0 - fill) * width_of(cell);
  const double slack_y = (1.0 - fill) * height_of(cell);
  const double left = cell.left + slack_x * random.uniform(0.2, 0.8);
  const double top = cell.top + slack_y * random.uniform(0.2, 0.8);
  return {left, top, left + fill * width_of(cell), top + fill * height_of(cell)};
}

/// The shape moved and stretched such that it just fills the box.
Outline fit(const Harmonics& shape, const Rect& box) {
  const Rect bounds = Outline({0.0, 0.0}, {1.0, 1.0}, shape).bounds();
  const Point stretch{width_of(box) / width_of(bounds), height_of(box) / height_of(bounds)};
  return {{box.left - stretch.x * bounds.left, box.top - stretch.y * bounds.top}, stretch, shape};
}

/// The linear share of its cell that each island gets, for the wanted share of the slide's area.
double fill_share(const std::vector<Harmonics>& shapes, const std::vector<Rect>& cells, const Rect& slide,
                  Random& random) {
  double area = 0.0;
  for (std::size_t i = 0; i < shapes.size(); ++i) area += fit(shapes[i], cells[i]).area();
  const double wanted = random.uniform(0.31, 0.42) * width_of(slide) * height_of(slide);
  return std::min(0.92, std::sqrt(wanted / area));
}

Outline make_hole(const Outline& border, Random& random) {
  const double turn = random.uniform(0.0, full_turn);
  const double off = random.uniform(0.05, 0.12);
  const Point centre{border.centre().x + off * std::cos(turn) * border.stretch().x,
                     border.centre().y + off * std::sin(turn) * border.stretch().y};
  const double size = random.uniform(0.20, 0.25);
  const Harmonics shape(random, 2, 6, 0.3);
  return {centre, border.stretch(), [&](double theta) { return size * shape(theta); }};
}

bool lies_within(const Outline& small, const Outline& large) {
  for (const Point& point : small.polygon(64)) {
    if (large.depth(point) > -0.08) return false;
  }
  return true;
}

/// Blobs of other materials, each wholly within the border; of tumor in stroma only if `mixed`.
void add_patches(const Island& island, double softness, bool mixed, Random& random,
                 std::vector<Layer>& layers) {
  const int tries = 5 + static_cast<int>(random.uniform(0.0, 6.0));
  const Material other = island.kind == Material::tumor ? Material::stroma : Material::tumor;
  for (int i = 0; i < tries; ++i) {
    const double turn = random.uniform(0.0, full_turn);
    const double off = random.uniform(0.25, 0.85) * island.border.radius(turn);
    const Point stretch = island.border.stretch();
    const Point centre{island.border.centre().x + off * std::cos(turn) * stretch.x,
                       island.border.centre().y + off * std::sin(turn) * stretch.y};
    const bool aggregate = random.uniform() < 0.4;
    const double size = aggregate ? random.uniform(0.02, 0.05) : random.uniform(0.06, 0.17);
    const Harmonics shape(random, 2, 8, 0.45);
    Outline patch(centre, stretch, [&](double theta) { return size * shape(theta); });
    if (!lies_within(patch, island.border)) continue;
    if (!mixed && !aggregate && other == Material::tumor) continue;
    layers.push_back({std::move(patch), aggregate ? Material::lymphoid : other, softness});
  }
}

void add_layers(const Island& island, double mpp, bool mixed, Random& random, std::vector<Layer>& layers) {
  constexpr double edge_pixels = 3.0;
  const double room = std::min(island.border.stretch().x, island.border.stretch().y);
  // Wider blends than this would reach beyond the border of a small island.
  const double blend = std::min(std::clamp(30.0 / mpp, edge_pixels, 200.0), 0.03 * room);
  layers.push_back({island.border, Material::stroma, edge_pixels});
  if (island.kind == Material::tumor) {
    const Harmonics ragged(random, 5, 16, 0.2);
    const auto core = [&](double theta) { return 0.79 * island.border.radius(theta) * ragged(theta); };
    layers.push_back(
        {Outline(island.border.centre(), island.border.stretch(), core), Material::tumor, blend});
  }
  add_patches(island, blend, mixed, random, layers);
  if (island.hole) layers.push_back({*island.hole, Material::glass, edge_pixels});
}

/// Makes tumor of the smallest islands.
void set_tumors(std::size_t count, std::vector<Island>& islands) {
  std::vector<Island*> by_area;
  for (Island& island : islands) by_area.push_back(&island);
  std::ranges::sort(by_area, {}, [](const Island* island) { return island->border.area(); });
  for (std::size_t i = 0; i < by_area.size(); ++i)
    by_area[i]->kind = i < count ? Material::tumor : Material::stroma;
}

}  // namespace

Scene make_scene(std::int64_t width, std::int64_t height, double mpp, std::uint64_t seed,
                 std::optional<int> tumors) {
  Random place(seed, placing);
  Random shape(seed, shaping);
  const Rect slide{0.0, 0.0, static_cast<double>(width), static_cast<double>(height)};
  const int count = island_count(width, height, place);
  const std::vector<Rect> cells = cut_cells(slide, count, place);
  std::vector<Harmonics> shapes;
  for (int i = 0; i < count; ++i) shapes.emplace_back(shape, 2, 13, 0.5);
  const double fill = fill_share(shapes, cells, slide, place);

  Scene scene;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const Rect box = place_box(cells[i], fill, place);
    scene.islands.push_back({fit(shapes[i], box), {}, i % 2 == 0 ? Material::tumor : Material::stroma});
  }
  if (tumors) set_tumors(static_cast<std::size_t>(*tumors), scene.islands);
  const auto largest =
      std::max_element(scene.islands.begin(), scene.islands.end(),
                       [](const Island& a, const Island& b) { return a.border.area() < b.border.area(); });
  largest->hole = make_hole(largest->border, shape);
  for (const Island& island : scene.islands) add_layers(island, mpp, !tumors, shape, scene.layers);
  return scene;
}

}  // namespace flowrun::wsi::synth
