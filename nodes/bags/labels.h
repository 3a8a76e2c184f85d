// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::torch_nodes {

/// Which columns a table has; empty: those that CLAM, STAMP or `epochs` have.
struct LabelColumns {
  std::string slide, patient, label;
  std::vector<std::string> targets;  ///< numbers instead of the label
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
  /// `slides`: a table that names the slides of patients (STAMP's), where `labels` names patients only.
  /// Throws Error "FILE:LINE: what is wrong".
  BagLabels(const std::filesystem::path& labels, const std::optional<std::filesystem::path>& slides,
            const LabelColumns& columns);

  /// By name of the slide, sorted. Of a patient of whom no slide is named, the patient's name.
  const std::map<std::string, BagLabel>& all() const { return by_slide_; }

 private:
  void read_labels(const std::filesystem::path& table, const LabelColumns& columns);
  void name_slides(const std::filesystem::path& table, const LabelColumns& columns);

  bool of_patients_ = false;
  std::map<std::string, BagLabel> by_slide_;
};

}  // namespace flowrun::torch_nodes
