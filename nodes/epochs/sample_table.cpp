// SPDX-License-Identifier: Apache-2.0
#include "sample_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "nodes/table/csv.h"
#include "nodes/table/label_text.h"
#include "nodes/table/slide_names.h"

namespace flowrun::wsi {
namespace {

constexpr int largest_size = 16384;

class SampleTable {
 public:
  SampleTable(const std::filesystem::path& file, const std::vector<ListedSlide>& slides, Samples& samples)
      : folder_(std::filesystem::absolute(file).parent_path()),
        slides_(slides),
        samples_(samples),
        table_(file) {
    for (const std::string& target : samples.targets) targets_.push_back(table_.column({target}));
    if (targets_.empty())
      label_ = table_.column({"label"});
    else if (std::ranges::find(samples.targets, "label") == samples.targets.end())
      label_ = table_.find({"label"});
    path_ = slides.empty() ? table_.find({"path"}) : std::nullopt;
    slide_ = path_ ? table_.find({"slide", "slide_id"}) : table_.column({"slide", "slide_id"});
    x_ = path_ ? table_.find({"x"}) : table_.column({"x"});
    y_ = path_ ? table_.find({"y"}) : table_.column({"y"});
    number_ = static_cast<std::uint32_t>(samples.tables.size());
    samples.tables.push_back(file.string());
  }

  void read() {
    while (table_.next()) {
      samples_.rows.push_back(row());
      for (const std::size_t column : targets_) samples_.target_values.push_back(target(column));
    }
  }

 private:
  Samples::Row row() {
    Samples::Row row;
    row.table = number_;
    row.line = table_.line();
    const std::string label = label_ ? label_text(table_.field(*label_)) : "";
    if (label.empty() && targets_.empty()) table_.fail("the sample has no label");
    row.label = Samples::index_of(samples_.labels, label);
    if (path_) {
      if (table_.field(*path_).empty()) table_.fail("the sample has no path");
      row.image = (folder_ / table_.field(*path_)).lexically_normal().string();
    }
    row.slide = slide();
    if (given(x_)) row.x = table_.whole_number(*x_);
    if (given(y_)) row.y = table_.whole_number(*y_);
    row.level = static_cast<int>(within(level_, 0, 1000).value_or(0));
    row.size = static_cast<int>(within(size_, 1, largest_size).value_or(0));
    row.mpp = within(mpp_, 1e-6, 1e6);
    row.extent = within(extent_, 1e-3, 1e9);
    row.weight = within(weight_, 0, 1e12).value_or(1);
    if (row.extent && row.size == 0 && !path_)
      table_.fail("the extent of a tile says nothing without its size");
    return row;
  }

  float target(std::size_t column) const {
    const auto value = static_cast<float>(table_.number(column));
    if (!std::isfinite(value))
      table_.fail(fmt::format("'{}': {} is too large", table_.columns()[column], table_.field(column)));
    return value;
  }

  bool given(const std::optional<std::size_t>& column) const {
    return column && !table_.field(*column).empty();
  }

  std::optional<double> within(const std::optional<std::size_t>& column, double low, double high) const {
    if (!given(column)) return {};
    const double value = table_.number(*column);
    if (value < low || value > high)
      table_.fail(
          fmt::format("'{}': expected {} to {}, found {}", table_.columns()[*column], low, high, value));
    return value;
  }

  std::uint32_t slide() {
    const std::string text = slide_ ? table_.field(*slide_) : "";
    std::string patient = patient_ ? table_.field(*patient_) : "";
    if (text.empty() && !path_) table_.fail("the sample has no slide");
    const std::string color = color_ ? table_.field(*color_) : "";
    if (!color.empty() && color != "stored" && color != "icc")
      table_.fail(fmt::format("'color': expected stored or icc, found '{}'", color));
    const auto [it, is_new] = known_.try_emplace({text, patient, color}, 0);
    if (!is_new) return it->second;
    SlideFile file = path_ ? SlideFile{{}, slide_stem(text), {}} : file_of(text, patient);
    if (color == "icc") file.color = Color::icc;
    return it->second = entry(std::move(file), patient);
  }

  SlideFile file_of(const std::string& text, std::string& patient) {
    if (slides_.empty()) return {(folder_ / text).lexically_normal(), printable(slide_stem(text)), {}};
    const auto found = std::find_if(slides_.begin(), slides_.end(), [&](const ListedSlide& listed) {
      SlideFacts facts;
      facts.path = listed.path;
      facts.name = listed.name;
      return names_slide(text, facts);
    });
    if (found == slides_.end())
      table_.fail(fmt::format("none of the {} slides is '{}'", slides_.size(), text));
    if (patient.empty()) patient = found->patient;
    return {found->path, found->name, found->mpp};
  }

  /// Two tables, or two ways to write a name, may mean the same slide.
  std::uint32_t entry(SlideFile file, const std::string& patient) {
    auto& all = samples_.slides;
    const auto same = std::find_if(all.begin(), all.end(), [&](const Samples::SlideEntry& e) {
      return e.file.path == file.path && e.file.name == file.name && e.file.color == file.color;
    });
    if (same == all.end()) {
      all.push_back({std::move(file), patient});
      return static_cast<std::uint32_t>(all.size() - 1);
    }
    if (same->patient != patient && !file.name.empty())
      table_.fail(fmt::format("slide '{}' is of patient '{}' here, and of '{}' before", file.name, patient,
                              same->patient));
    if (same->patient == patient) return static_cast<std::uint32_t>(same - all.begin());
    all.push_back({std::move(file), patient});
    return static_cast<std::uint32_t>(all.size() - 1);
  }

  const std::filesystem::path folder_;
  const std::vector<ListedSlide>& slides_;
  Samples& samples_;
  CsvReader table_;
  std::uint32_t number_ = 0;
  std::vector<std::size_t> targets_;
  std::optional<std::size_t> label_, path_, slide_, x_, y_;
  std::optional<std::size_t> level_ = table_.find({"level"}), size_ = table_.find({"size"}),
                             mpp_ = table_.find({"mpp"}), extent_ = table_.find({"extent"}),
                             weight_ = table_.find({"weight"}), patient_ = table_.find({"patient"}),
                             color_ = table_.find({"color"});
  std::map<std::array<std::string, 3>, std::uint32_t> known_;  // texts to slides
};

}  // namespace

void read_samples(const std::filesystem::path& table, const std::vector<ListedSlide>& slides,
                  Samples& samples) {
  SampleTable(table, slides, samples).read();
}

}  // namespace flowrun::wsi
