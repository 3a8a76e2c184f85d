// SPDX-License-Identifier: Apache-2.0
#include "index.h"

#include <flowrun/bytes.h>
#include <flowrun/wsi/tile.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace flowrun::wsi {

void Index::describe(Description<Index>& d) {
  d.summary("Gathers where the tiles of all slides are, and their labels, without their pixels.")
      .details(
          "For training straight from slides in the same graph: `epochs` takes what it gathered, and `load` "
          "reads the tiles again, each when it is needed. Slides that failed are left out.")
      .example("places: {type: index, from: tiles}")
      .input<Tile>("tile")
      .output<Samples>("samples");
}

void Index::plan(Costs& costs) {
  costs.scratch = KiB;
  costs.out("samples", 0);  // leased by the epochs that are made of it
}

Action Index::process(Inputs& in, Outputs&) {
  const Tile& tile = in.get<Tile>("tile");
  Samples::Row row;
  row.x = tile.x;
  row.y = tile.y;
  row.level = tile.level;
  row.size = tile.size();
  row.extent = tile.extent;
  row.mpp = tile.mpp;
  return [&samples = in.state<Samples>(), row, label = tile.label, slide = tile.slide] {
    if (samples.slides.empty())
      samples.slides.push_back({{slide->path, slide->name, slide->mpp, slide->color}, slide->patient});
    samples.rows.push_back(row);
    samples.rows.back().label = Samples::index_of(samples.labels, label);
  };
}

void Index::finish(Inputs& in, Outputs&) {
  auto& samples = in.state<Samples>();
  if (in.scope().failed() || samples.rows.empty()) return;
  std::scoped_lock lock(mutex_);
  slides_.emplace(in.scope().name(), std::move(samples));
}

Packets Index::finish_run(Inputs& in, Outputs&) {
  if (in.scope().failed()) return {};
  return {1, [this](std::uint64_t, Outputs& out) { out.emit("samples", all_samples()); }};
}

Samples Index::all_samples() {
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
  return all;
}

}  // namespace flowrun::wsi
