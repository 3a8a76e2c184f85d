// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::wsi {
class CsvReader;
}

namespace flowrun::torch_nodes {

/// Which columns a table has; empty: those that CLAM, STAMP or `epochs` have.
struct LabelColumns {
  std::string slide, patient, label;
  std::vector<std::string> targets;  ///< numbers instead of the label
  std::vector<std::string> classes;  ///< labels that are none ("NA", "None", ...) unless they are here
};

/// What a table says of a slide, or of all slides of a patient.
struct BagLabel {
  std::string patient;
  std::string label;
  std::vector<float> targets;
  std::string place;  ///< "labels.csv:12"
};

/// Labels by slide.
class BagLabels {
 public:
  /// `slides`: a table of the patients of slides, which names the slides where `labels` names patients only
  /// (STAMP's). Rows without a label are left out. Throws Error "FILE:LINE: what is wrong", also when some
  /// slides have a patient and others have none, or one has two.
  BagLabels(const std::filesystem::path& labels, const std::optional<std::filesystem::path>& slides,
            const LabelColumns& columns);

  /// By name of the slide, sorted. Of a patient of whom no slide is named, the patient's name.
  const std::map<std::string, BagLabel>& all() const { return by_slide_; }
  /// A table says whose slides are; else BagLabel::patient is empty.
  bool with_patients() const { return with_patients_; }
  /// What a user should know: rows without a label, patients without a slide or without a label.
  const std::vector<std::string>& said() const { return said_; }

 private:
  /// `more`: another table has columns, too.
  void read_labels(const LabelColumns& columns, bool more);
  BagLabel row_of(const wsi::CsvReader& table, std::optional<std::size_t> label,
                  const std::vector<std::size_t>& targets) const;
  void leave_out_unlabelled();
  void name_slides(const std::filesystem::path& table, const LabelColumns& columns);
  void check_patients(const std::string& where) const;
  void say(const std::vector<std::string>& names, const std::string& what);

  std::filesystem::path labels_;
  std::vector<std::string> classes_;
  bool of_patients_ = false, with_patients_ = false;
  std::map<std::string, BagLabel> by_slide_;
  std::vector<std::string> said_;
};

}  // namespace flowrun::torch_nodes
