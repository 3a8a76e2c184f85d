// SPDX-License-Identifier: Apache-2.0
// Pictures of what a model said of samples: ROC curves, confusion matrix, reliability diagram.
#include <fmt/format.h>

#include <algorithm>

#include "calibration.h"
#include "judged_files.h"
#include "picture.h"
#include "ranking.h"

namespace flowrun::torch_nodes {
namespace {

constexpr int side = 700;  // pixels

int colour_of(std::size_t curve) {
  return first_colour + static_cast<int>(curve % curve_colours);
}

void line(plstream& picture, const std::vector<double>& x, const std::vector<double>& y) {
  picture.line(static_cast<PLINT>(x.size()), x.data(), y.data());
}

/// Axes from 0 to 1, and the diagonal.
void unit_square(plstream& picture, const char* x, const char* y, const std::string& title) {
  picture.col0(ink);
  picture.env(-0.02, 1.02, -0.02, 1.02, 1, 0);  // so that lines along an end are seen
  picture.lab(x, y, plain(title).c_str());
  picture.lsty(2);
  line(picture, {0, 1}, {0, 1});
  picture.lsty(1);
}

/// Names in the colours of their curves, from the bottom up in the right corner, smaller when there are many.
void legend(plstream& picture, const std::vector<std::string>& names) {
  constexpr double lines = 16;  // that fit
  const double scale = std::min(1.0, lines / static_cast<double>(std::max<std::size_t>(1, names.size())));
  picture.schr(0, scale);
  for (std::size_t i = 0; i < names.size(); ++i) {
    picture.col0(colour_of(i));
    picture.mtex("b", -1.5 - 1.6 * static_cast<double>(names.size() - 1 - i), 0.97, 1,
                 plain(names[i]).c_str());
  }
  picture.schr(0, 1);
}

/// So that the longest of these fits into so many pixels.
double scale_of(const std::vector<std::string>& names, double pixels) {
  constexpr double letter = 11;  // pixels wide
  std::size_t longest = 1;
  for (const std::string& name : names) longest = std::max(longest, name.size());
  return std::clamp(pixels / letter / static_cast<double>(longest), 0.2, 1.0);
}

}  // namespace

void draw_roc(const Task& task, const std::vector<Scored>& samples, const std::filesystem::path& file) {
  draw_picture(file, side, side, 1, [&](plstream& picture) {
    unit_square(picture, "false positive rate (1 - specificity)", "true positive rate (sensitivity)",
                fmt::format("ROC, {} samples", samples.size()));
    std::vector<std::string> names;
    for (const NamedScores& one : rankings_of(task, samples)) {
      std::vector<double> x, y;
      for (const RocPoint& point : roc_points(one.scores))
        x.push_back(point.false_positives), y.push_back(point.true_positives);
      const auto roc = roc_of(one.scores);
      picture.col0(colour_of(names.size()));
      picture.width(2);
      if (!x.empty()) line(picture, x, y);
      picture.width(1);
      names.push_back(roc ? fmt::format("{}: AUC {:.3f}", one.name, roc->area)
                          : fmt::format("{}: no curve", one.name));
    }
    legend(picture, names);
  });
}

void draw_confusion(const Task& task, const std::vector<Scored>& samples, const std::filesystem::path& file) {
  const CountTable of = confusion_of(task, samples);
  const bool labels = of.rows != of.columns;
  draw_picture(file, side, side, 1, [&](plstream& picture) {
    const auto rows = static_cast<double>(of.rows.size()), columns = static_cast<double>(of.columns.size());
    picture.adv(0);
    picture.vpor(0.24, 0.94, 0.22, 0.92);
    picture.wind(0, columns, rows, 0);
    const double place[] = {0, 1}, red[] = {1, 0.19}, green[] = {1, 0.51}, blue[] = {1, 0.74};
    picture.scmap1l(true, 2, place, red, green, blue, nullptr);
    for (std::size_t row = 0; row < of.rows.size(); ++row) {
      double sum = 0;
      for (const auto count : of.counts[row]) sum += static_cast<double>(count);
      for (std::size_t column = 0; column < of.columns.size(); ++column) {
        const auto count = static_cast<double>(of.counts[row][column]), share = sum > 0 ? count / sum : 0;
        const auto left = static_cast<double>(column), top = static_cast<double>(row);
        const double x[] = {left, left + 1, left + 1, left}, y[] = {top, top, top + 1, top + 1};
        picture.col1(share);
        picture.fill(4, x, y);
        picture.col0(share > 0.6 ? 0 : ink);  // 0: the ground
        picture.schr(0, std::min(1.2, 8 / std::max(rows, columns)));
        picture.ptex(left + 0.5, top + 0.5, 1, 0, 0.5, fmt::format("{}", of.counts[row][column]).c_str());
      }
    }
    picture.col0(ink);
    picture.schr(0, 1);
    picture.box("bc", 0, 0, "bc", 0, 0);
    // Upright where they do not fit beside each other.
    const double beside = scale_of(of.columns, 0.7 * side / columns);
    const bool upright = beside < 0.6;
    picture.schr(0, upright ? std::min(scale_of(of.columns, 110), 20 / columns) : beside);
    for (std::size_t i = 0; i < of.columns.size(); ++i)
      picture.mtex(upright ? "bv" : "b", upright ? 1 : 1.5, (static_cast<double>(i) + 0.5) / columns,
                   upright ? 1 : 0.5, plain(of.columns[i]).c_str());
    picture.schr(0, std::min(scale_of(of.rows, 110), 20 / rows));
    for (std::size_t i = 0; i < of.rows.size(); ++i)
      picture.mtex("lv", 1, 1 - (static_cast<double>(i) + 0.5) / rows, 1, plain(of.rows[i]).c_str());
    picture.schr(0, 1);
    picture.mtex("b", upright ? 9.5 : 4, 0.5, 0.5, labels ? "outcome" : "predicted class");
    picture.mtex("l", 10.5, 0.5, 0.5, labels ? "label" : "true class");
    picture.mtex("t", 1.5, 0.5, 0.5, fmt::format("confusion, {} samples", samples.size()).c_str());
  });
}

void draw_calibration(const Task& task, const std::vector<Scored>& samples,
                      const std::filesystem::path& file) {
  const bool labels = task.name() == "multilabel";
  draw_picture(file, side, side, 1, [&](plstream& picture) {
    unit_square(picture, labels ? "mean probability" : "mean confidence (highest probability)",
                labels ? "share with the label" : "accuracy",
                fmt::format("calibration, {} samples", samples.size()));
    std::vector<std::string> names;
    for (const NamedScores& one : confidences_of(task, samples)) {
      const CalibrationBins bins = calibration_bins(one.scores);
      std::vector<double> x, y;
      for (const CalibrationBin& bin : bins)
        if (bin.samples > 0) x.push_back(bin.confidence), y.push_back(bin.right);
      picture.col0(colour_of(names.size()));
      picture.width(2);
      line(picture, x, y);
      picture.poin(static_cast<PLINT>(x.size()), x.data(), y.data(), 17);
      picture.width(1);
      names.push_back(fmt::format("{}{}ECE {:.3f}", one.name, one.name.empty() ? "" : ": ",
                                  expected_calibration_error(bins).value_or(0)));
    }
    legend(picture, names);
  });
}

}  // namespace flowrun::torch_nodes
