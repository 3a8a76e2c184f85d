// SPDX-License-Identifier: Apache-2.0
#include "cohort.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "nodes/table/table_text.h"

namespace flowrun::wsi {
namespace {

/// All numbers of a report in one list: colours, maxima, means, deviations, residual (0: not measured).
using Numbers = std::array<double, 15>;

Numbers numbers_of(const StainReport& report) {
  Numbers all{};
  for (std::size_t i = 0; i < 6; ++i) all[i] = report.stains.matrix.val[i];
  for (std::size_t i = 0; i < 2; ++i) all[6 + i] = report.stains.maxima.val[i];
  for (std::size_t i = 0; i < 3; ++i) {
    all[8 + i] = report.lab.mean.val[i];
    all[11 + i] = report.lab.deviation.val[i];
  }
  all[14] = report.stains.residual.value_or(0);
  return all;
}

StainReport report_of(const Numbers& all) {
  StainReport report;
  for (std::size_t i = 0; i < 6; ++i) report.stains.matrix.val[i] = all[i];
  for (std::size_t i = 0; i < 2; ++i) report.stains.maxima.val[i] = all[6 + i];
  for (std::size_t i = 0; i < 3; ++i) {
    report.lab.mean.val[i] = all[8 + i];
    report.lab.deviation.val[i] = all[11 + i];
  }
  return report;
}

double mean_of(const std::vector<double>& numbers) {
  double sum = 0;
  for (const double number : numbers) sum += number;
  return sum / static_cast<double>(numbers.size());
}

double median_of(std::vector<double> numbers) {
  std::ranges::sort(numbers);
  const std::size_t half = numbers.size() / 2;
  return numbers.size() % 2 == 1 ? numbers[half] : (numbers[half - 1] + numbers[half]) / 2;
}

}  // namespace

StainReport middle_of(const std::vector<Member>& members, bool median) {
  Numbers middle{};
  for (std::size_t i = 0; i < middle.size(); ++i) {
    std::vector<double> numbers;
    for (const Member& member : members) numbers.push_back(numbers_of(member.report)[i]);
    middle[i] = median ? median_of(std::move(numbers)) : mean_of(numbers);
  }
  StainReport report = report_of(middle);
  if (members.front().report.stains.residual) report.stains.residual = middle[14];
  report.lab.space = members.front().report.lab.space;
  report.stains.matrix = of_unit_length(report.stains.matrix);
  return report;
}

std::string table_of(const std::vector<Member>& members, const std::string& first_column) {
  std::vector<std::string> columns{first_column};
  for (const char* const stain : {"hematoxylin", "eosin"})
    for (const char* const of : {"_r", "_g", "_b", "_maximum"}) columns.push_back(std::string(stain) + of);
  const bool residual = members.front().report.stains.residual.has_value();
  if (residual) columns.emplace_back("residual_maximum");
  const bool ruderman = members.front().report.lab.space == LabSpace::ruderman;
  for (const char* const of : {"mean_", "deviation_"})
    for (const char* const axis : {"l", ruderman ? "alpha" : "a", ruderman ? "beta" : "b"})
      columns.push_back(std::string(of) + axis);
  const TableText table(TableText::Format::csv, columns);
  std::string text = table.header();
  for (const Member& member : members) {
    const auto& [stains, lab] = member.report;
    std::vector<TableCell> cells{member.name};
    for (int s = 0; s < 2; ++s) {
      for (int c = 0; c < 3; ++c) cells.emplace_back(stains.matrix(c, s));
      cells.emplace_back(stains.maxima[s]);
    }
    if (residual) cells.emplace_back(stains.residual.value_or(0));
    for (const cv::Vec3d& three : {lab.mean, lab.deviation})
      for (int i = 0; i < 3; ++i) cells.emplace_back(three[i]);
    text += table.row(cells);
  }
  return text;
}

}  // namespace flowrun::wsi
