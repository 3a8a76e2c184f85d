// SPDX-License-Identifier: Apache-2.0
#include "index.h"

#include <flowrun/bytes.h>
#include <flowrun/error.h>
#include <flowrun/wsi/slide.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <utility>

#include "nodes/slide/samples.h"

namespace flowrun::wsi {
namespace {

using Json = nlohmann::json;

/// As CBOR, which has any bytes in texts, and numbers exactly: an array for each column, as one for each row
/// would take several times the memory.
std::string packed(const Samples& samples) {
  Json columns{{"x", Json::array()},    {"y", Json::array()},      {"level", Json::array()},
               {"size", Json::array()}, {"extent", Json::array()}, {"mpp", Json::array()},
               {"label", Json::array()}};
  const auto or_null = [](const std::optional<double>& number) { return number ? Json(*number) : Json(); };
  for (const Samples::Row& row : samples.rows) {
    columns["x"].push_back(row.x);
    columns["y"].push_back(row.y);
    columns["level"].push_back(row.level);
    columns["size"].push_back(row.size);
    columns["extent"].push_back(or_null(row.extent));
    columns["mpp"].push_back(or_null(row.mpp));
    columns["label"].push_back(row.label);
  }
  Json out{{"labels", samples.labels}, {"rows", std::move(columns)}};
  if (!samples.slides.empty()) {
    const auto& [file, patient] = samples.slides.front();
    out["slide"] = {{"path", file.path.string()},
                    {"name", file.name},
                    {"mpp", or_null(file.mpp)},
                    {"icc", file.color == Color::icc},
                    {"patient", patient}};
  }
  std::string bytes;
  Json::to_cbor(out, bytes);
  return bytes;
}

/// Adds what a slide kept.
void add(const std::string& bytes, Samples& all) {
  const Json kept = Json::from_cbor(bytes);
  if (!kept.contains("slide")) return;
  const auto or_nothing = [](const Json& number) {
    return number.is_null() ? std::nullopt : std::optional(number.get<double>());
  };
  const Json& slide = kept["slide"];
  all.slides.push_back({{slide["path"].get<std::string>(), slide["name"], or_nothing(slide["mpp"]),
                         slide["icc"] ? Color::icc : Color::stored},
                        slide["patient"]});
  const Json& columns = kept["rows"];
  for (std::size_t i = 0; i < columns["x"].size(); ++i) {
    Samples::Row row;
    row.slide = static_cast<std::uint32_t>(all.slides.size() - 1);
    row.x = columns["x"][i];
    row.y = columns["y"][i];
    row.level = columns["level"][i];
    row.size = columns["size"][i];
    row.extent = or_nothing(columns["extent"][i]);
    row.mpp = or_nothing(columns["mpp"][i]);
    row.label = Samples::index_of(all.labels, kept["labels"].at(columns["label"][i].get<std::size_t>()));
    all.rows.push_back(std::move(row));
  }
}

}  // namespace

void Index::describe(Description<Index>& d) {
  d.summary("Gathers where the tiles of all slides are, and their labels, without their pixels.")
      .details(
          "For training straight from slides in the same graph: `epochs` takes what it gathered, and `load` "
          "reads the tiles again, each when it is needed. Slides that failed are left out. The places are "
          "kept "
          "in the first output folder that a slide is written to, so that slides that are done are not read "
          "again for them.")
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

void Index::finish(Inputs& in, Outputs& out) {
  if (in.scope().failed()) return;
  auto& samples = in.state<Samples>();
  std::ranges::sort(samples.rows, {}, [](const auto& row) { return std::tie(row.y, row.x); });
  out.keep(packed(samples));
}

Packets Index::finish_run(Inputs& in, Outputs&) {
  if (in.scope().failed()) return {};
  Samples all;
  for (const std::string& slide : in.done_scopes()) {
    try {
      add(in.kept(slide), all);
    } catch (const Json::exception& problem) {
      throw Error(fmt::format("what was kept of the tiles of '{}' cannot be read ({}): run with --force",
                              slide, problem.what()));
    }
  }
  return {1, [all = std::move(all)](std::uint64_t, Outputs& out) mutable {
            out.emit("samples", std::move(all));
          }};
}

}  // namespace flowrun::wsi
