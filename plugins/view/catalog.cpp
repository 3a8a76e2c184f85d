// SPDX-License-Identifier: Apache-2.0
#include "catalog.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "nodes/table/slide_list.h"
#include "nodes/table/slide_names.h"

namespace flowrun::view {
namespace {

namespace fs = std::filesystem;

/// In the folder itself, or in one within it: the journal is a file that anybody may have written.
bool is_within(const fs::path& folder, const fs::path& unit) {
  const auto parts = std::distance(unit.begin(), unit.end());
  return unit.is_relative() && std::ranges::find(unit, "..") == unit.end() &&
         (parts == 1 || (parts == 2 && !fs::is_symlink(folder / *unit.begin())));
}

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

bool is_layer(const fs::path& path) {
  const std::string name = path.filename().string();
  return name == "tiles.csv" || name == "predictions.csv" || name == "mask.png" ||
         path.extension() == ".geojson";
}

}  // namespace

Catalog::Catalog(const std::vector<fs::path>& places) {
  const Found nobody = [](const Entry&) {};
  for (const fs::path& place : places) {
    std::error_code none;
    const fs::path reports = place / ".flowrun";
    if (fs::is_directory(reports, none)) {
      read_journal(place, nobody);
      if (read_[place].empty() && !fs::exists(reports / "status.json", none) &&
          !fs::exists(reports / "parts", none))
        throw Error(fmt::format("{}: no run has finished a slide in this output folder", place.string()));
      continue;
    }
    for (const wsi::ListedSlide& slide : wsi::list_slides({place}))
      add({slide.name, slide.path, slide.mpp}, nobody);
  }
  if (entries_.empty() && !of_features_.empty())
    throw Error(
        fmt::format("{}: what is there was made of files of features; give the slides that they are of, too, "
                    "which are looked "
                    "for by name",
                    places.front().string()));
  sort();
}

std::size_t Catalog::size() const {
  std::scoped_lock lock(mutex_);
  return entries_.size();
}

Entry Catalog::at(std::size_t number) const {
  std::scoped_lock lock(mutex_);
  Entry entry = entries_.at(number);
  if (const auto more = of_features_.find(entry.name); more != of_features_.end())
    entry.outputs.insert(entry.outputs.end(), more->second.begin(), more->second.end());
  return entry;
}

std::vector<std::string> Catalog::names_from(std::size_t number) const {
  std::scoped_lock lock(mutex_);
  std::vector<std::string> names;
  for (; number < entries_.size(); ++number) names.push_back(entries_[number].name);
  return names;
}

std::vector<fs::path> Catalog::output_folders() const {
  std::scoped_lock lock(mutex_);
  std::vector<fs::path> folders;
  for (const auto& [folder, files] : read_) folders.push_back(folder);
  return folders;
}

void Catalog::look_again(const Found& found) {
  std::scoped_lock lock(mutex_);
  for (const auto& [folder, files] : read_) read_journal(folder, found);
}

void Catalog::add(Entry entry, const Found& found) {
  const auto [at, is_new] = numbers_.try_emplace({entry.name, entry.slide, entry.mpp}, entries_.size());
  if (!is_new) {
    auto& outputs = entries_[at->second].outputs;
    outputs.insert(outputs.end(), entry.outputs.begin(), entry.outputs.end());
    return;
  }
  found(entry);
  entries_.push_back(std::move(entry));
}

void Catalog::read_journal(const fs::path& output_folder, const Found& found) {
  std::set<std::string>& read = read_[output_folder];
  std::error_code none;
  for (const auto& file : fs::directory_iterator(output_folder / ".flowrun/done", none)) {
    const std::string name = file.path().filename().string();
    if (file.path().extension() != ".json" || read.contains(name)) continue;
    std::ifstream in(file.path());
    if (!in && !fs::exists(file.path(), none)) continue;  // it is being made anew
    const auto done = nlohmann::json::parse(in, nullptr, false);
    try {
      if (done.at("kind") == "slide") {
        Entry entry{done.at("scope"), done.at("input").at("path").get<std::string>(), mpp_in(done["input"])};
        for (const std::string output : done.at("outputs"))
          if (is_within(output_folder, output)) entry.outputs.push_back(output_folder / output);
        if (wsi::has_extension(entry.slide.filename().string(), wsi::feature_extensions())) {
          auto& outputs = of_features_[entry.name];
          outputs.insert(outputs.end(), entry.outputs.begin(), entry.outputs.end());
        } else {
          add(std::move(entry), found);
        }
      }
    } catch (const std::exception& problem) {
      throw Error(fmt::format("{} is no entry of a run's journal ({}); was it changed by hand?",
                              file.path().string(), problem.what()));
    }
    read.insert(name);
  }
}

void Catalog::sort() {
  std::vector<Entry> sorted;
  for (auto& [key, number] : numbers_) {
    sorted.push_back(std::move(entries_[number]));
    number = sorted.size() - 1;
  }
  entries_ = std::move(sorted);
}

std::string name_of_layer(const fs::path& layer) {
  const fs::path folder = layer.parent_path().filename();
  return folder == "attention" ? (folder / layer.filename()).string() : layer.filename().string();
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
