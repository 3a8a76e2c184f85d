// SPDX-License-Identifier: Apache-2.0
#include "index.h"

#include <flowrun/wsi/tile.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace flowrun::wsi {

void Index::describe(Description<Index>& d) {
  d.summary("Gathers where the tiles of all slides are, and their labels, without their pixels.")
      .details(
          "For training straight from slides in the same graph: `epochs` takes what it gathered, and `load` "
          "reads the "
          "tiles again, each when it is needed. Slides that failed are left out.")
      .example("places: {type: index, from: tiles}")
      .gathers_scopes()
      .input<Tile>("tile")
      .output<Samples>("samples");
}

void Index::plan(Costs& costs) {
  costs.out("samples", 0);  // leased by the epochs that are made of it
}

void Index::process(Inputs& in, Outputs&) {
  const Tile& tile = in.get<Tile>("tile");
  auto& places = in.state<Places>();
  std::scoped_lock lock(places.mutex);
  Samples& samples = places.samples;
  if (samples.slides.empty())
    samples.slides.push_back({{tile.slide->path, tile.slide->name, tile.slide->mpp}, {}});
  Samples::Row row;
  row.label = Samples::index_of(samples.labels, tile.label);
  row.x = tile.x;
  row.y = tile.y;
  row.level = tile.level;
  row.size = tile.pixels.cols;
  row.extent = tile.extent;
  row.mpp = tile.mpp;
  samples.rows.push_back(std::move(row));
}

void Index::finish(Inputs& in, Outputs& out) {
  if (in.scope().failed()) return;
  if (in.scope().kind() != "run") {
    auto& samples = in.state<Places>().samples;
    std::scoped_lock lock(mutex_);
    if (!samples.rows.empty()) slides_.emplace(in.scope().name(), std::move(samples));
    return;
  }
  Samples all;
  for (auto& [name, samples] : slides_) {
    std::sort(samples.rows.begin(), samples.rows.end(),
              [](const auto& a, const auto& b) { return std::tie(a.y, a.x) < std::tie(b.y, b.x); });
    for (Samples::Row& row : samples.rows) {
      row.slide = static_cast<std::uint32_t>(all.slides.size());
      row.label = Samples::index_of(all.labels, samples.labels[row.label]);
      all.rows.push_back(std::move(row));
    }
    all.slides.push_back(std::move(samples.slides.front()));
    samples = {};
  }
  out.emit("samples", std::move(all));
}

}  // namespace flowrun::wsi
