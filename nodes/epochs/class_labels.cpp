// SPDX-License-Identifier: Apache-2.0
#include "class_labels.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <string_view>

#include "nodes/table/label_text.h"

namespace flowrun::wsi {
namespace {

std::optional<std::int64_t> number_in(const std::string& text) {
  std::int64_t value = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return problem == std::errc() && rest == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

void sort_labels(std::vector<std::string>& labels) {
  const bool numbers = std::all_of(labels.begin(), labels.end(), [](const auto& l) { return number_in(l); });
  std::sort(labels.begin(), labels.end(), [&](const std::string& a, const std::string& b) {
    return numbers ? *number_in(a) < *number_in(b) : a < b;
  });
}

/// The first sample with a label.
std::string sample_of(const Samples& samples, std::size_t label) {
  return samples.name_of(*std::ranges::find(samples.rows, label, &Samples::Row::label));
}

/// Which would be two classes.
void refuse_one_number(const Samples& samples) {
  LabelNumbers numbers;
  for (std::size_t i = 0; i < samples.labels.size(); ++i)
    if (const auto* other = numbers.add(samples.labels[i], static_cast<std::int64_t>(i)))
      throw Error(
          fmt::format("{}: the label '{}' is the same number as '{}' of {}; write them alike, or give both "
                      "in `classes` if they are two",
                      sample_of(samples, i), samples.labels[i], other->text,
                      sample_of(samples, static_cast<std::size_t>(other->tag))));
}

}  // namespace

ClassLabels class_labels(const Samples& samples, std::vector<std::string> classes) {
  ClassLabels out{std::move(classes), {}};
  if (out.classes.empty()) {
    refuse_one_number(samples);
    out.classes = samples.labels;
    sort_labels(out.classes);
  }
  for (std::size_t i = 0; i < samples.labels.size(); ++i) {
    const std::string& label = samples.labels[i];
    const auto it = std::find(out.classes.begin(), out.classes.end(), label);
    out.label.push_back(static_cast<std::uint32_t>(it - out.classes.begin()));
    if (it != out.classes.end() && !label.empty()) continue;
    if (label.empty())
      throw Error(
          fmt::format("{}: the tile has no label; connect annotations to the node that makes it, or give "
                      "that `labels` or `no_class`",
                      sample_of(samples, i)));
    throw Error(fmt::format("{}: label '{}' is none of the classes {}", sample_of(samples, i), label,
                            fmt::join(out.classes, ", ")));
  }
  if (out.classes.size() < 2)
    throw Error(fmt::format("a classifier tells two classes or more apart, but all samples are of class '{}'",
                            out.classes.front()));
  return out;
}

ClassLabels any_labels(const Samples& samples) {
  ClassLabels out{samples.labels, {}};
  sort_labels(out.classes);
  for (const std::string& label : samples.labels)
    out.label.push_back(
        static_cast<std::uint32_t>(std::ranges::find(out.classes, label) - out.classes.begin()));
  return out;
}

std::vector<std::uint64_t> class_samples(const Samples& samples, const ClassLabels& labels,
                                         const std::vector<bool>& validation) {
  std::vector<std::uint64_t> counts(labels.classes.size());
  for (std::size_t i = 0; i < samples.rows.size(); ++i)
    if (!validation[i]) ++counts[labels.label[samples.rows[i].label]];
  for (std::size_t i = 0; i < counts.size(); ++i)
    if (counts[i] == 0) throw Error(fmt::format("class '{}' has no sample for training", labels.classes[i]));
  return counts;
}

SamplePart part_of(const Samples& samples, const ClassLabels& labels,
                   const std::vector<std::uint32_t>& rows) {
  SamplePart part;
  part.samples = rows.size();
  part.of_class.resize(labels.classes.size());
  std::set<std::string_view> slides, patients;
  for (const std::uint32_t row : rows) {
    const Samples::SlideEntry& slide = samples.slides[samples.rows[row].slide];
    ++part.of_class[labels.label[samples.rows[row].label]];
    slides.insert(slide.file.name);
    patients.insert(slide.patient);
  }
  // Of some it may not be known: then neither is how many there are.
  part.slides = slides.contains("") ? 0 : slides.size();
  part.patients = patients.contains("") ? 0 : patients.size();
  return part;
}

std::vector<std::uint64_t> class_draws_by_weight(const Samples& samples, const ClassLabels& labels,
                                                 const std::vector<bool>& validation) {
  std::vector<double> sums(labels.classes.size());
  double all = 0;
  for (std::size_t i = 0; i < samples.rows.size(); ++i)
    if (const auto& row = samples.rows[i]; !validation[i])
      sums[labels.label[row.label]] += row.weight, all += row.weight;
  std::vector<std::uint64_t> draws;
  for (const double sum : sums) draws.push_back(static_cast<std::uint64_t>(std::llround(sum / all * 0x1p40)));
  return draws;
}

}  // namespace flowrun::wsi
