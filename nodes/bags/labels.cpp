// SPDX-License-Identifier: Apache-2.0
#include "labels.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <string_view>
#include <utility>

#include "nodes/mil/feature_files.h"
#include "nodes/table/csv.h"
#include "nodes/table/label_text.h"
#include "nodes/table/some_of.h"

namespace flowrun::torch_nodes {
namespace {

/// What R, pandas, NumPy, JSON and Python write where there is nothing.
constexpr std::array<std::string_view, 7> missing{"", "NA", "N/A", "nan", "NaN", "null", "None"};

/// A column that is named must be there, unless another table has it.
std::optional<std::size_t> slide_column(const wsi::CsvReader& table, const LabelColumns& columns,
                                        bool elsewhere) {
  if (!columns.slide.empty()) return elsewhere ? table.find({columns.slide}) : table.column({columns.slide});
  return table.find({"slide", "slide_id", "FILENAME", "filename"});
}

std::optional<std::size_t> patient_column(const wsi::CsvReader& table, const LabelColumns& columns,
                                          bool elsewhere) {
  if (!columns.patient.empty())
    return elsewhere ? table.find({columns.patient}) : table.column({columns.patient});
  return table.find({"patient", "case_id", "PATIENT"});
}

bool is_missing(const std::string& text) {
  return std::ranges::find(missing, text) != missing.end();
}

/// A slide or a patient; empty where none is named.
std::string name_in(const wsi::CsvReader& table, std::size_t column) {
  std::string name = wsi::label_text(table.field(column));
  return is_missing(name) ? "" : name;
}

/// As a spreadsheet makes "1.0" of some of a column's "1", one patient would be two.
void check_alike(const wsi::CsvReader& table, const std::string& patient, wsi::LabelNumbers& numbers) {
  if (const auto* other = patient.empty() ? nullptr : numbers.add(patient, table.line()))
    table.fail(
        fmt::format("the patient '{}' is the same number as '{}' in line {}; write them alike, or not "
                    "as numbers if they are two patients",
                    patient, other->text, other->tag));
}

bool has_label(const BagLabel& row) {
  return !row.label.empty() || !row.targets.empty();
}

}  // namespace

BagLabels::BagLabels(const std::filesystem::path& labels, const std::optional<std::filesystem::path>& slides,
                     const LabelColumns& columns)
    : labels_(labels), classes_(columns.classes) {
  read_labels(columns, slides.has_value());
  leave_out_unlabelled();
  if (slides) name_slides(*slides, columns);
  if (by_slide_.empty())
    throw Error(fmt::format("{}: the table has no labels{}{}", labels.string(), said_.empty() ? "" : ": ",
                            fmt::join(said_, "; ")));
  if (with_patients_) check_patients(slides ? slides->string() : "");
}

/// Without a label when it, or one of the targets, is missing.
BagLabel BagLabels::row_of(const wsi::CsvReader& table, std::optional<std::size_t> label,
                           const std::vector<std::size_t>& targets) const {
  BagLabel row{"", "", {}, fmt::format("{}:{}", labels_.string(), table.line())};
  if (label) {
    row.label = wsi::label_text(table.field(*label));
    if (is_missing(row.label) && std::ranges::find(classes_, row.label) == classes_.end()) row.label.clear();
  }
  if (std::ranges::any_of(
          targets, [&](std::size_t column) { return is_missing(wsi::label_text(table.field(column))); }))
    return row;
  for (const std::size_t column : targets) {
    row.targets.push_back(static_cast<float>(table.number(column)));
    if (!std::isfinite(row.targets.back()))
      table.fail(fmt::format("'{}': {} is no finite number", table.columns()[column], table.field(column)));
  }
  return row;
}

void BagLabels::read_labels(const LabelColumns& columns, bool more) {
  wsi::CsvReader table(labels_);
  const auto slide = slide_column(table, columns, more), patient = patient_column(table, columns, more);
  if (!slide && !patient)
    table.fail(fmt::format(
        "there is no column that names slides or patients; expected one of slide, slide_id, FILENAME, "
        "patient, case_id, PATIENT, or say slide_column or patient_column; found {}",
        fmt::join(table.columns(), ", ")));
  std::optional<std::size_t> label;
  std::vector<std::size_t> targets;
  for (const std::string& name : columns.targets) targets.push_back(table.column({name}));
  if (targets.empty()) label = table.column({columns.label.empty() ? "label" : columns.label});
  of_patients_ = !slide;
  with_patients_ = patient.has_value();
  wsi::LabelNumbers numbers, patient_numbers;
  while (table.next()) {
    const std::size_t column = slide ? *slide : *patient;
    const std::string name = name_in(table, column);
    if (name.empty()) table.fail(fmt::format("no {} in this line", table.columns()[column]));
    BagLabel row = row_of(table, label, targets);
    if (patient) row.patient = name_in(table, *patient);
    check_alike(table, row.patient, patient_numbers);
    if (const auto* other = row.label.empty() ? nullptr : numbers.add(row.label, table.line()))
      table.fail(
          fmt::format("the label '{}' is the same number as '{}' in line {}; write them alike, or not as "
                      "numbers if they are two classes",
                      row.label, other->text, other->tag));
    const auto [it, is_new] = by_slide_.try_emplace(of_patients_ ? name : bag_name(name), row);
    const BagLabel& first = it->second;
    if (!is_new && (first.label != row.label || first.targets != row.targets || first.patient != row.patient))
      table.fail(fmt::format("'{}' is here another than in {}", name, first.place));
  }
}

void BagLabels::say(const std::vector<std::string>& names, const std::string& what) {
  if (!names.empty()) said_.push_back(fmt::format("{} {}: {}", names.size(), what, wsi::some_of(names)));
}

void BagLabels::leave_out_unlabelled() {
  std::vector<std::string> left_out;
  for (const auto& [name, row] : by_slide_)
    if (!has_label(row)) left_out.push_back(name);
  say(left_out, fmt::format("of {} {} in {} have no label", by_slide_.size(),
                            of_patients_ ? "patients" : "slides", labels_.string()));
  std::erase_if(by_slide_, [](const auto& entry) { return !has_label(entry.second); });
}

void BagLabels::name_slides(const std::filesystem::path& path, const LabelColumns& columns) {
  wsi::CsvReader table(path);
  const auto slide = slide_column(table, columns, false), patient = patient_column(table, columns, false);
  if (!slide || !patient)
    table.fail(fmt::format("expected a column with patients and one with slides, found {}",
                           fmt::join(table.columns(), ", ")));
  with_patients_ = true;
  const auto of_patients = of_patients_ ? std::exchange(by_slide_, {}) : std::map<std::string, BagLabel>{};
  std::map<std::string, std::pair<std::string, std::int64_t>> before;  // by slide: the patient and the line
  std::set<std::string> patients;
  wsi::LabelNumbers patient_numbers;
  while (table.next()) {
    const std::string of = name_in(table, *patient), name = bag_name(name_in(table, *slide));
    if (of.empty() || name.empty()) table.fail("expected a patient and a slide");
    check_alike(table, of, patient_numbers);
    patients.insert(of);
    if (const auto& [first, line] = before.try_emplace(name, of, table.line()).first->second; first != of)
      table.fail(
          fmt::format("slide '{}' is of patient '{}' here, and of '{}' in line {}", name, of, first, line));
    if (of_patients_) {
      if (const auto known = of_patients.find(of); known != of_patients.end())
        by_slide_.try_emplace(name, known->second);
    } else if (const auto known = by_slide_.find(name); known != by_slide_.end()) {
      std::string& own = known->second.patient;
      if (!own.empty() && own != of)
        table.fail(fmt::format("slide '{}' is of patient '{}' here, and of '{}' in {}", name, of, own,
                               known->second.place));
      own = of;
    }
  }
  if (!of_patients_) return;
  std::vector<std::string> without_slide, without_label;
  for (const auto& [name, row] : of_patients)
    if (!patients.contains(name)) without_slide.push_back(name);
  for (const std::string& name : patients)
    if (!of_patients.contains(name)) without_label.push_back(name);
  say(without_slide, fmt::format("of {} patients with a label in {} have no slide in {}", of_patients.size(),
                                 labels_.string(), path.string()));
  say(without_label, fmt::format("of {} patients in {} have no label in {}", patients.size(), path.string(),
                                 labels_.string()));
}

/// One patient's slides must not be taken for those of several, as folds would test what they trained with.
void BagLabels::check_patients(const std::string& slides) const {
  for (const auto& [name, row] : by_slide_)
    if (row.patient.empty())
      throw Error(fmt::format(
          "{}: slide '{}' has no patient, so folds may test what they trained with: give it one here{}{}",
          row.place, name, slides.empty() ? "" : " or in ", slides));
}

}  // namespace flowrun::torch_nodes
