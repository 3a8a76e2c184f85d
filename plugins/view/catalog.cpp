// SPDX-License-Identifier: Apache-2.0
#include "catalog.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "nodes/table/slide_list.h"

namespace flowrun::view {
namespace {

namespace fs = std::filesystem;

/// A name in the folder itself: the journal is a file that anybody may have written.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string::npos;
}

/// By what is looked at, as several nodes of a graph, or graphs, may have made parts of it.
using Entries = std::map<std::tuple<std::string, fs::path, std::optional<double>>, Entry>;

std::optional<double> mpp_in(const nlohmann::json& input) {
  const auto said = input.find("mpp");
  if (said == input.end()) return {};
  const std::string text = *said;
  double mpp = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), mpp);
  if (problem != std::errc() || end != text.data() + text.size() || !(mpp > 0) || !std::isfinite(mpp))
    throw Error(fmt::format("its MPP is '{}'", text));
  return mpp;
}

void add_run(const fs::path& folder, Entries& all) {
  for (const auto& file : fs::directory_iterator(folder / ".flowrun/done")) {
    if (file.path().extension() != ".json") continue;
    std::ifstream in(file.path());
    const auto done = nlohmann::json::parse(in, nullptr, false);
    try {
      if (done.at("kind") != "slide") continue;
      const std::string name = done.at("scope"), slide = done.at("input").at("path");
      const std::optional<double> mpp = mpp_in(done["input"]);
      Entry& entry = all.try_emplace({name, slide, mpp}, Entry{name, slide, mpp}).first->second;
      for (const std::string output : done.at("outputs"))
        if (is_plain_name(output)) entry.outputs.push_back(folder / output);
    } catch (const std::exception& problem) {
      throw Error(fmt::format("{} is no entry of a run's journal ({}); was it changed by hand?",
                              file.path().string(), problem.what()));
    }
  }
}

bool is_layer(const fs::path& path) {
  const std::string name = path.filename().string();
  return name == "tiles.csv" || name == "predictions.csv" || name == "mask.png" ||
         path.extension() == ".geojson";
}

}  // namespace

std::vector<Entry> catalog_of(const std::vector<fs::path>& places) {
  Entries all;
  for (const fs::path& place : places) {
    if (std::error_code ignored; fs::is_directory(place / ".flowrun/done", ignored)) {
      const std::size_t before = all.size();
      add_run(place, all);
      if (all.size() == before)
        throw Error(fmt::format("{}: no run has finished a slide in this output folder", place.string()));
      continue;
    }
    for (const wsi::ListedSlide& slide : wsi::list_slides({place}))
      all.try_emplace({slide.name, slide.path, slide.mpp}, Entry{slide.name, slide.path, slide.mpp});
  }
  std::vector<Entry> entries;
  for (auto& [key, entry] : all) entries.push_back(std::move(entry));
  return entries;
}

std::vector<fs::path> layers_of(const Entry& entry) {
  std::vector<fs::path> layers;
  const auto add = [&](const fs::path& path) {
    if (is_layer(path) && fs::is_regular_file(fs::symlink_status(path))) layers.push_back(path);
  };
  for (const fs::path& output : entry.outputs) {
    add(output);
    if (fs::is_directory(fs::symlink_status(output)))
      for (const auto& file : fs::directory_iterator(output)) add(file.path());
  }
  std::ranges::sort(layers);
  return layers;
}

}  // namespace flowrun::view
