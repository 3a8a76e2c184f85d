// SPDX-License-Identifier: Apache-2.0
#include "fold_metrics.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "nodes/base/random.h"
#include "sample_metrics.h"

namespace flowrun::torch_nodes {
namespace {

using nlohmann::ordered_json;
constexpr int draws = 1000;
constexpr double outside = 0.025;  // of the interval, on each side

/// Samples by patient.
using Patients = std::map<std::string, std::vector<Scored>>;

std::vector<Scored> all_of(const Patients& patients) {
  std::vector<Scored> all;
  for (const auto& [name, samples] : patients) all.insert(all.end(), samples.begin(), samples.end());
  return all;
}

/// Metrics of patients that are drawn with replacement, by name, in the order of the draws.
std::map<std::string, std::vector<double>> drawn_metrics(const Task& task, std::uint64_t seed,
                                                         const Patients& patients) {
  std::vector<const std::vector<Scored>*> by_patient;
  for (const auto& [name, samples] : patients) by_patient.push_back(&samples);
  std::map<std::string, std::vector<double>> drawn;
  wsi::Random random(seed, by_patient.size());
  std::vector<Scored> samples;  // whose memory all draws use
  for (int i = 0; i < draws; ++i) {
    std::size_t count = 0;
    for (std::size_t n = 0; n < by_patient.size(); ++n)
      for (const Scored& one : *by_patient[random.below(by_patient.size())]) {
        if (count == samples.size()) samples.emplace_back();
        samples[count].target = one.target;
        samples[count++].predicted = one.predicted;
      }
    samples.resize(count);
    for (const auto& [name, value] : sample_metrics(task, samples))
      if (value) drawn[name].push_back(*value);
  }
  return drawn;
}

/// Metrics, each with its interval.
ordered_json with_intervals(const Task& task, std::uint64_t seed, const Patients& patients,
                            const std::string& samples_are) {
  auto drawn = drawn_metrics(task, seed, patients);
  ordered_json out{{samples_are, all_of(patients).size()}, {"patients", patients.size()}};
  for (const auto& [name, value] : sample_metrics(task, all_of(patients))) {
    ordered_json& entry = out[name] = {{"value", or_null(value)}, {"interval", nullptr}};
    std::vector<double>& values = drawn[name];
    if (!value || values.empty()) continue;
    std::ranges::sort(values);
    const auto at = [&](double share) {
      return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
    };
    entry["interval"] = {at(outside), at(1 - outside)};
  }
  return out;
}

/// The means of slides; none where by_slide() has none.
Patients slides_of(const Patients& patients) {
  Patients out;
  for (const auto& [name, samples] : patients) {
    const auto slides = by_slide(samples);
    if (!slides) return {};
    out[name] = *slides;
  }
  return out;
}

ordered_json judged(const Task& task, std::uint64_t seed, const Patients& patients,
                    const std::string& samples_are) {
  ordered_json out = with_intervals(task, seed, patients, samples_are);
  const Patients slides = samples_are == "tiles" ? slides_of(patients) : Patients{};
  if (slides.empty()) return out;
  const ordered_json of_slides = with_intervals(task, seed, slides, "slides");
  for (const auto& [name, value] : of_slides.items())
    if (name != "patients") out[name == "slides" ? name : "slide_" + name] = value;
  return out;
}

/// The test samples of all folds, each once.
std::map<std::string, Patients> together(const std::vector<std::vector<Evaluated>>& folds) {
  struct Sum {
    Evaluated of;
    std::size_t times = 1;
  };
  std::map<std::uint64_t, Sum> tested;
  for (const auto& fold : folds)
    for (const Evaluated& one : fold) {
      if (!one.test) continue;
      const auto [known, is_new] = tested.try_emplace(one.sample, Sum{one});
      if (is_new) continue;
      std::vector<float>& sum = known->second.of.scored.predicted;
      std::ranges::transform(sum, one.scored.predicted, sum.begin(), std::plus<>());
      ++known->second.times;
    }
  std::map<std::string, Patients> out;
  for (auto& [number, sum] : tested) {
    for (float& value : sum.of.scored.predicted) value /= static_cast<float>(sum.times);
    out[sum.of.held_out ? "held_out" : "pooled_test"][sum.of.patient].push_back(std::move(sum.of.scored));
  }
  return out;
}

}  // namespace

std::string metrics_json(const Task& task, std::uint64_t seed, const std::string& samples_are,
                         const std::vector<std::vector<Evaluated>>& folds) {
  ordered_json out{{"task", task.name()}, {"folds", ordered_json::array()}};
  for (std::size_t fold = 0; fold < folds.size(); ++fold) {
    ordered_json entry{{"fold", fold}};
    for (const bool test : {false, true}) {
      Patients patients;
      for (const Evaluated& one : folds[fold])
        if (one.test == test) patients[one.patient].push_back(one.scored);
      if (!patients.empty()) entry[test ? "test" : "val"] = judged(task, seed, patients, samples_are);
    }
    out["folds"].push_back(std::move(entry));
  }
  std::map<std::string, Patients> tested = together(folds);
  for (const char* name : {"pooled_test", "held_out"})
    if (tested.contains(name)) out[name] = judged(task, seed, tested[name], samples_are);
  return out.dump(2) + "\n";
}

}  // namespace flowrun::torch_nodes
