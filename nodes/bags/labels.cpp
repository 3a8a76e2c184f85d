// SPDX-License-Identifier: Apache-2.0
#include "labels.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <utility>

#include "nodes/mil/feature_files.h"
#include "nodes/table/csv.h"
#include "nodes/table/label_text.h"

namespace flowrun::torch_nodes {
namespace {

std::optional<std::size_t> slide_column(const wsi::CsvReader& table, const LabelColumns& columns) {
  if (!columns.slide.empty()) return table.find({columns.slide});
  return table.find({"slide", "slide_id", "FILENAME", "filename"});
}

std::optional<std::size_t> patient_column(const wsi::CsvReader& table, const LabelColumns& columns) {
  if (!columns.patient.empty()) return table.column({columns.patient});
  return table.find({"patient", "case_id", "PATIENT"});
}

}  // namespace

BagLabels::BagLabels(const std::filesystem::path& labels, const std::optional<std::filesystem::path>& slides,
                     const LabelColumns& columns) {
  read_labels(labels, columns);
  if (slides) name_slides(*slides, columns);
  if (by_slide_.empty()) throw Error(fmt::format("{}: the table has no labels", labels.string()));
}

void BagLabels::read_labels(const std::filesystem::path& path, const LabelColumns& columns) {
  wsi::CsvReader table(path);
  const auto slide = slide_column(table, columns), patient = patient_column(table, columns);
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
  wsi::LabelNumbers numbers;
  while (table.next()) {
    const std::string& name = table.field(slide ? *slide : *patient);
    if (name.empty())
      table.fail(fmt::format("no {} in this line", table.columns()[slide ? *slide : *patient]));
    BagLabel row{patient ? table.field(*patient) : "",
                 label ? wsi::label_text(table.field(*label)) : "",
                 {},
                 fmt::format("{}:{}", path.string(), table.line())};
    if (label && row.label.empty()) table.fail(fmt::format("no label for '{}'", name));
    if (const auto* other = label ? numbers.add(row.label, table.line()) : nullptr)
      table.fail(
          fmt::format("the label '{}' is the same number as '{}' in line {}; write them alike, or not as "
                      "numbers if they are two classes",
                      row.label, other->text, other->tag));
    for (const std::size_t column : targets) {
      row.targets.push_back(static_cast<float>(table.number(column)));
      if (!std::isfinite(row.targets.back()))
        table.fail(fmt::format("'{}': {} is no finite number", table.columns()[column], table.field(column)));
    }
    const auto [it, is_new] = by_slide_.try_emplace(of_patients_ ? name : bag_name(name), row);
    const BagLabel& first = it->second;
    if (!is_new && (first.label != row.label || first.targets != row.targets || first.patient != row.patient))
      table.fail(fmt::format("'{}' is here another than in {}", name, first.place));
  }
}

void BagLabels::name_slides(const std::filesystem::path& path, const LabelColumns& columns) {
  wsi::CsvReader table(path);
  const auto slide = slide_column(table, columns), patient = patient_column(table, columns);
  if (!slide || !patient)
    table.fail(fmt::format("expected a column with patients and one with slides, found {}",
                           fmt::join(table.columns(), ", ")));
  const auto of_patients = of_patients_ ? std::exchange(by_slide_, {}) : std::map<std::string, BagLabel>{};
  while (table.next()) {
    const std::string &of = table.field(*patient), name = bag_name(table.field(*slide));
    if (of.empty() || name.empty()) table.fail("expected a patient and a slide");
    if (of_patients_) {
      const auto known = of_patients.find(of);
      if (known == of_patients.end()) continue;  // a patient without label
      const auto [it, is_new] = by_slide_.try_emplace(name, known->second);
      if (!is_new && it->second.patient != of)
        table.fail(fmt::format("slide '{}' is of patient '{}' here, and of '{}' before", name, of,
                               it->second.patient));
    } else if (const auto known = by_slide_.find(name); known != by_slide_.end()) {
      known->second.patient = of;
    }
  }
}

}  // namespace flowrun::torch_nodes
