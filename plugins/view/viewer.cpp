// SPDX-License-Identifier: Apache-2.0
#include "viewer.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string_view>

#include "nodes/image/jpeg.h"
#include "nodes/image/png.h"
#include "nodes/slide/picture.h"
#include "nodes/slide/sampling.h"
#include "nodes/table/slide_list.h"

namespace flowrun::view {
namespace {

using nlohmann::json;
constexpr int tile_side = 256;
constexpr std::size_t most_open = 4;
constexpr int largest_cut = 1024;
constexpr int largest_window = 16384;

Answer not_found() {
  return {404, "text/plain; charset=utf-8", "there is nothing here\n"};
}

Answer as_json(const json& value) {
  return {200, "application/json", value.dump(-1, ' ', false, json::error_handler_t::replace)};
}

wsi::SlideFile file_of(const Entry& entry) {
  return {entry.slide, entry.name, entry.mpp, wsi::Color::stored};
}

json printable(const std::vector<std::string>& names) {
  json out = json::array();
  for (const std::string& name : names) out.push_back(wsi::printable(name));
  return out;
}

/// The numbers in `path` where `pattern` has #; nothing when it is not like it. Numbers have up to 9 digits.
template <std::size_t count>
std::optional<std::array<int, count>> numbers_in(std::string_view path, std::string_view pattern) {
  std::array<int, count> numbers{};
  std::size_t found = 0;
  for (const char c : pattern) {
    if (c != '#') {
      if (path.empty() || path.front() != c) return {};
      path.remove_prefix(1);
      continue;
    }
    const std::size_t digits = std::min(path.find_first_not_of("0123456789"), path.size());
    if (digits == 0 || digits > 9) return {};
    std::from_chars(path.data(), path.data() + digits, numbers[found++]);
    path.remove_prefix(digits);
  }
  return path.empty() ? std::optional(numbers) : std::nullopt;
}

std::string content(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  if (!in) throw Error(fmt::format("{} cannot be read; is the plugin view installed whole?", file.string()));
  return text.str();
}

}  // namespace

Viewer::Viewer(const std::vector<std::filesystem::path>& places, const std::filesystem::path& page)
    : catalog_(places), slides_({}, most_open), runs_(catalog_.output_folders(), [this] {
        catalog_.look_again([this](const Entry& found) { slides_.add(file_of(found)); });
      }) {
  for (std::size_t number = 0; number < catalog_.size(); ++number) slides_.add(file_of(catalog_.at(number)));
  const char *script = "text/javascript; charset=utf-8", *style = "text/css; charset=utf-8";
  fixed_["/"] = {200, "text/html; charset=utf-8", content(page / "index.html")};
  for (const char* name : {"app.js", "layers.js", "live.js", "leaflet.js"})
    fixed_[fmt::format("/{}", name)] = {200, script, content(page / name)};
  fixed_["/favicon.ico"] = {200, "image/x-icon", ""};  // browsers ask for one
  for (const char* name : {"app.css", "leaflet.css"})
    fixed_[fmt::format("/{}", name)] = {200, style, content(page / name)};
}

Answer Viewer::answer(const std::string& path) {
  if (const auto found = fixed_.find(path); found != fixed_.end()) return found->second;
  const auto known = [&](int slide) { return static_cast<std::size_t>(slide) < catalog_.size(); };
  if (path == "/slides.json") return as_json(printable(catalog_.names_from(0)));
  if (const auto n = numbers_in<1>(path, "/live/#")) return live((*n)[0]);
  if (const auto n = numbers_in<1>(path, "/slides/#.json"); n && known((*n)[0])) return facts((*n)[0]);
  if (const auto n = numbers_in<2>(path, "/slides/#/layers/#"); n && known((*n)[0]))
    return layer((*n)[0], (*n)[1]);
  if (const auto n = numbers_in<4>(path, "/slides/#/#/#/#.jpg"); n && known((*n)[0]))
    return tile((*n)[0], (*n)[1], (*n)[2], (*n)[3]);
  if (const auto n = numbers_in<4>(path, "/slides/#/layers/#/tiles/#/#"); n && known((*n)[0]))
    return saved_tile((*n)[0], (*n)[1], (*n)[2], (*n)[3]);
  if (const auto n = numbers_in<6>(path, "/slides/#/cut/#/#/#/#/#.png"); n && known((*n)[0]))
    return cut((*n)[0], (*n)[1], (*n)[2], (*n)[3], (*n)[4], (*n)[5]);
  return not_found();
}

Answer Viewer::facts(std::size_t number) {
  const auto slide = slides_.get(static_cast<std::uint32_t>(number));
  const wsi::SlideFacts& facts = slide->facts();
  json downsamples = json::array(), layers = json::array();
  for (const wsi::Level& level : facts.levels) downsamples.push_back(level.downsample);
  for (const auto& layer : layers_of(catalog_.at(number)))
    layers.push_back(wsi::printable(name_of_layer(layer)));
  json out = {{"name", wsi::printable(facts.name)},
              {"vendor", facts.vendor},
              {"width", facts.width()},
              {"height", facts.height()},
              {"downsamples", downsamples},
              {"bounds", {facts.bounds.x, facts.bounds.y, facts.bounds.width, facts.bounds.height}},
              {"notes", facts.notes},
              {"layers", layers}};
  out["mpp"] = facts.mpp ? json(*facts.mpp) : json();
  out["objective_power"] = facts.objective_power ? json(*facts.objective_power) : json();
  return as_json(out);
}

Answer Viewer::tile(std::size_t number, int halvings, std::int64_t column, std::int64_t row) {
  if (halvings > 30) return not_found();
  const auto slide = slides_.get(static_cast<std::uint32_t>(number));
  const double downsample = std::ldexp(1.0, halvings);
  const auto scaled = [&](std::int64_t side) {
    return static_cast<std::int64_t>(std::ceil(static_cast<double>(side) / downsample));
  };
  const std::int64_t width = scaled(slide->facts().width()), height = scaled(slide->facts().height());
  if (column * tile_side >= width || row * tile_side >= height) return not_found();
  const wsi::Picture picture(*slide, downsample, wsi::picture_size(*slide, width, height));
  cv::Mat rgb(tile_side, tile_side, CV_8UC3);
  picture.read(column * tile_side, row * tile_side, rgb);
  std::vector<std::uint8_t> jpeg;
  wsi::encode_jpeg(rgb, 90, jpeg);
  return {200, "image/jpeg", std::string(jpeg.begin(), jpeg.end())};
}

Answer Viewer::layer(std::size_t number, std::size_t which) {
  const auto layers = layers_of(catalog_.at(number));
  if (which >= layers.size()) return not_found();
  const auto extension = layers[which].extension();
  Answer answer;
  answer.type = extension == ".png"   ? "image/png"
                : extension == ".csv" ? "text/csv; charset=utf-8"
                                      : "application/geo+json";
  answer.file = layers[which];
  return answer;
}

Answer Viewer::saved_tile(std::size_t number, std::size_t which, std::int64_t x, std::int64_t y) {
  const auto layers = layers_of(catalog_.at(number));
  if (which >= layers.size() || layers[which].filename() != "tiles.csv") return not_found();
  const std::filesystem::path folder = layers[which].parent_path();
  for (const char* const format : {"png", "jpg"}) {  // as `save` names them
    Answer answer;
    answer.type = std::string_view(format) == "png" ? "image/png" : "image/jpeg";
    answer.file = folder / fmt::format("{}_x{}_y{}.{}", folder.filename().string(), x, y, format);
    if (std::filesystem::is_regular_file(std::filesystem::symlink_status(answer.file))) return answer;
  }
  return not_found();
}

Answer Viewer::cut(std::size_t number, int level, std::int64_t x, std::int64_t y, int window, int side) {
  if (side < 1 || side > largest_cut || window < 1 || window > largest_window) return not_found();
  const auto slide = slides_.get(static_cast<std::uint32_t>(number));
  if (level >= slide->level_count() || x >= slide->facts().width() || y >= slide->facts().height())
    return not_found();
  const wsi::LevelWindow at =
      wsi::window_at(*slide, level, x, y, window * slide->level(level).downsample, window);
  cv::Mat rgb(side, side, CV_8UC3);
  wsi::read_scaled(*slide, level, at.column, at.row, {window, window}, rgb);
  std::vector<std::uint8_t> png;
  wsi::encode_png(rgb, png);
  return {200, "image/png", std::string(png.begin(), png.end())};
}

Answer Viewer::live(std::size_t known) {
  known = std::min(known, catalog_.size());
  Answer answer{200, "text/event-stream"};
  answer.events = [this, known, last = std::uint64_t{0},
                   over = false]() mutable -> std::optional<std::string> {
    if (over) return {};
    const auto moment = runs_.now();
    if (!moment) return "";
    const auto names = catalog_.names_from(known);
    if (moment->number == last && names.empty()) return "";
    const json event{
        {"first", known}, {"slides", printable(names)}, {"folders", moment->folders}, {"over", moment->over}};
    known += names.size();
    last = moment->number;
    over = moment->over;
    return fmt::format("data: {}\n\n", event.dump(-1, ' ', false, json::error_handler_t::replace));
  };
  return answer;
}

}  // namespace flowrun::view
