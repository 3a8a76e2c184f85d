// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/scope.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ranking.h"
#include "task.h"

namespace flowrun::torch_nodes {

/// Numbers by two names.
struct CountTable {
  std::vector<std::string> rows, columns;
  std::vector<std::vector<std::uint64_t>> counts;  ///< by row, then by column
};

/// What a model said of samples, counted: of classes by what is right, then by what is said (confusion
/// matrix); of labels true positives, false negatives, false positives and true negatives of each.
CountTable confusion_of(const Task& task, const std::vector<Scored>& samples);

/// Scores with a name, one for each question that has a ROC curve: of two classes the second against the
/// first, of more each against the rest, or each label.
struct NamedScores {
  std::string name;
  std::vector<Score> scores;
};
std::vector<NamedScores> rankings_of(const Task& task, const std::vector<Scored>& samples);
/// Scores whose calibration is looked at, as calibration_bins() takes them: of classes one, without a name;
/// of labels each.
std::vector<NamedScores> confidences_of(const Task& task, const std::vector<Scored>& samples);

/// Of each class or label: threshold, false_positive_rate, true_positive_rate, without points on a straight
/// line between others; the first, where nothing is positive, has no threshold.
std::string roc_csv(const Task& task, const std::vector<Scored>& samples);
std::string confusion_csv(const Task& task, const std::vector<Scored>& samples);
/// A row for each bin (of each label): from, to, samples, confidence (mean), accuracy (share that is right,
/// or has the label).
std::string calibration_csv(const Task& task, const std::vector<Scored>& samples);

/// The same as pictures. Thread-safe.
void draw_roc(const Task& task, const std::vector<Scored>& samples, const std::filesystem::path& file);
void draw_confusion(const Task& task, const std::vector<Scored>& samples, const std::filesystem::path& file);
void draw_calibration(const Task& task, const std::vector<Scored>& samples,
                      const std::filesystem::path& file);

/// Hands on what is said of these samples in `folder` of the output folder `dir`: roc.csv, confusion.csv and
/// calibration.csv, and each as .png and .svg where there is PLplot. Nothing of a task without probabilities,
/// or without samples.
void hand_on_judged(const Task& task, const std::vector<Scored>& samples, const Scope& scope,
                    const std::filesystem::path& dir, const std::filesystem::path& folder = {});

}  // namespace flowrun::torch_nodes
