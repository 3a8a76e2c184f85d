// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "run_record.h"

namespace flowrun::cli {

/// A quantity over the scopes of one kind.
struct Column {
  std::string node, name, unit;
  std::vector<double> values;     ///< by scope, in the record's order; no number where it is missing
  bool shared = false;            ///< another node has a quantity of this name
  double median = 0, spread = 0;  ///< spread: median absolute deviation

  /// "tissue area", or where several nodes have one "tissue: tissue area".
  std::string label() const { return shared ? node + ": " + name : name; }
  /// With the unit: "tissue area (mm²)".
  std::string title() const { return unit.empty() ? label() : label() + " (" + unit + ")"; }
  /// More than 3.5 robust standard deviations from the median (Iglewicz and Hoaglin 1993: the modified
  /// z-score) of at least eight values.
  bool is_outlier(double value) const;
};

/// The scopes of one kind.
struct Kind {
  std::string name;
  bool successive = false;
  std::uint64_t done = 0;
  std::vector<Column> columns;
  std::vector<std::string> figures;  ///< titles
};

struct MergedHistogram {
  std::string node, name, unit;
  std::vector<double> edges, counts;
};

/// What all scopes together say: their numbers, histograms and notes; and what the run itself reported, or
/// the last of successive scopes. It grows by a few numbers a scope.
struct Findings {
  explicit Findings(const RunRecord& record);

  std::vector<Kind> kinds;
  std::vector<MergedHistogram> histograms;
  /// By node and title: charts, tables, figures and quantities that belong to no scope of a gallery.
  std::vector<std::pair<std::string, nlohmann::json>> results;
  std::map<std::pair<std::string, std::string>, std::uint64_t> notes;  ///< by node and text; at most 200
  std::map<std::string, std::uint64_t> lost;                           ///< scopes by kind

  const Kind& kind(const std::string& name) const;

 private:
  std::map<std::string, std::string> ends_;  // nodes at which packets end, and what they are called
  Kind& kind_of(const std::string& name);
  void add_counts(const nlohmann::json& counts, Kind& kind);
  void add(const nlohmann::json& entry);
  static void add_number(Kind& kind, const std::string& node, const std::string& name,
                         const std::string& unit, double value);
  void add_item(const std::string& node, const nlohmann::json& item, Kind* kind);
  void add_notes(const nlohmann::json& counts);
};

/// What a scope is called in the record; "run" for the run itself.
std::string kind_of_entry(const nlohmann::json& entry);

}  // namespace flowrun::cli
