// SPDX-License-Identifier: Apache-2.0
#include "fold_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "nodes/base/random.h"
#include "nodes/torch/pieces.h"
#include "nodes/torch/predictions.h"
#include "sample_metrics.h"

namespace flowrun::torch_nodes {
namespace {

using nlohmann::ordered_json;
constexpr int draws = 1000;
constexpr double outside = 0.025;  // of the interval, on each side
constexpr double least_with_value = 0.95;

/// What is drawn as a whole: a patient, or a slide, or a sample, of whatever more is not known.
enum class Drawn : std::uint8_t { patients, slides, samples };
using Patient = std::pair<Drawn, std::string>;
/// Samples by patient.
using Patients = std::map<Patient, std::vector<Scored>>;
/// Metrics by name.
using Named = std::vector<std::pair<std::string, std::optional<double>>>;

Patient patient_of(const Evaluated& one) {
  if (!one.patient.empty()) return {Drawn::patients, one.patient};
  if (!one.scored.slide.empty()) return {Drawn::slides, one.scored.slide};
  return {Drawn::samples, fmt::format("sample {}", one.sample)};
}

/// What the least known are drawn by.
std::string name_of(Drawn drawn, const std::string& samples_are) {
  return drawn == Drawn::patients ? "patients" : drawn == Drawn::slides ? "slides" : samples_are;
}

std::vector<Scored> all_of(const Patients& patients) {
  std::vector<Scored> all;
  for (const auto& [name, samples] : patients) all.insert(all.end(), samples.begin(), samples.end());
  return all;
}

/// How draws are computed beside each other.
struct Draws {
  std::uint64_t seed;
  int threads;
  const Scope& scope;
};

/// Metrics of patients that are drawn with replacement, by name, in the order of the draws: of so many
/// samples in all, as many draws at once as copies of these fit into 64 MiB.
std::map<std::string, std::vector<double>> drawn_metrics(const Task& task, const Draws& how,
                                                         const Patients& patients, std::size_t count) {
  std::vector<const std::vector<Scored>*> by_patient;
  for (const auto& [name, samples] : patients) by_patient.push_back(&samples);
  wsi::Random random(how.seed, by_patient.size());
  std::vector<std::vector<std::uint32_t>> picks(draws);
  for (auto& of_draw : picks)
    for (std::size_t n = 0; n < by_patient.size(); ++n)
      of_draw.push_back(static_cast<std::uint32_t>(random.below(by_patient.size())));

  std::vector<Named> results(draws);
  constexpr std::size_t most_bytes = std::size_t{64} << 20;
  const std::size_t bytes_of_copy = 200 + 2 * sizeof(float) * task.outputs().size();
  const auto at_once = static_cast<int>(std::clamp<std::size_t>(most_bytes / (bytes_of_copy * count + 1), 1,
                                                                static_cast<std::size_t>(how.threads)));
  constexpr std::int64_t draws_a_piece = 20;
  in_pieces(draws, draws_a_piece, at_once, how.scope, [&](std::int64_t first, std::int64_t last) {
    std::vector<Scored> samples;  // whose memory all draws use
    for (std::int64_t i = first; i < last; ++i) {
      std::size_t filled = 0;
      for (const std::uint32_t pick : picks[static_cast<std::size_t>(i)])
        for (const Scored& one : *by_patient[pick]) {
          if (filled == samples.size()) samples.emplace_back();
          samples[filled].target = one.target;
          // Many threads would otherwise count the owners of the same thresholds again and again.
          if (samples[filled].thresholds != one.thresholds) samples[filled].thresholds = one.thresholds;
          samples[filled++].predicted = one.predicted;
        }
      samples.resize(filled);
      results[static_cast<std::size_t>(i)] = sample_metrics(task, samples);
    }
  });
  std::map<std::string, std::vector<double>> drawn;
  for (const Named& of_draw : results)
    for (const auto& [name, value] : of_draw)
      if (value) drawn[name].push_back(*value);
  return drawn;
}

/// Metrics, each with its interval.
ordered_json with_intervals(const Task& task, const Draws& how, const Patients& patients,
                            const std::string& samples_are) {
  const std::vector<Scored> all = all_of(patients);
  auto drawn = drawn_metrics(task, how, patients, all.size());
  ordered_json out{{samples_are, all.size()}};
  const Drawn drawn_are = patients.rbegin()->first.first;
  if (drawn_are == Drawn::patients) out["patients"] = patients.size();
  out["drawn"] = name_of(drawn_are, samples_are);
  out["draws_of"] = patients.size();
  for (const auto& [name, value] : sample_metrics(task, all)) {
    ordered_json& entry = out[name] = {{"value", or_null(value)}, {"interval", nullptr}};
    std::vector<double>& values = drawn[name];
    if (!value || patients.size() < 2 || static_cast<double>(values.size()) < least_with_value * draws)
      continue;
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

ordered_json judged(const Task& task, const Draws& how, const Patients& patients,
                    const std::string& samples_are) {
  ordered_json out = with_intervals(task, how, patients, samples_are);
  const Patients slides = samples_are == "tiles" ? slides_of(patients) : Patients{};
  if (slides.empty()) return out;
  const ordered_json of_slides = with_intervals(task, how, slides, "slides");
  for (const auto& [name, value] : of_slides.items())
    if (name != "patients" && name != "drawn" && name != "draws_of")
      out[name == "slides" ? name : "slide_" + name] = value;
  return out;
}

/// The test samples of all folds, each once.
std::map<std::string, Patients> together(const std::vector<std::vector<Evaluated>>& folds) {
  struct Sum {
    Evaluated of;
    std::vector<std::vector<double>> thresholds;  // by fold
  };
  std::map<std::uint64_t, Sum> tested;
  for (const auto& fold : folds)
    for (const Evaluated& one : fold) {
      if (!one.test) continue;
      const auto [known, is_new] = tested.try_emplace(one.sample, Sum{one, {}});
      known->second.thresholds.push_back(values_of(one.scored.thresholds));
      if (is_new) continue;
      std::vector<float>& sum = known->second.of.scored.predicted;
      std::ranges::transform(sum, one.scored.predicted, sum.begin(), std::plus<>());
    }
  std::map<std::vector<double>, Thresholds> means;  // each once
  std::map<std::string, Patients> out;
  for (auto& [number, sum] : tested) {
    for (float& value : sum.of.scored.predicted) value /= static_cast<float>(sum.thresholds.size());
    const std::vector<double> mean = mean_thresholds(sum.thresholds);
    Thresholds& thresholds = means[mean];
    if (!thresholds && !mean.empty()) thresholds = std::make_shared<const std::vector<double>>(mean);
    sum.of.scored.thresholds = thresholds;
    out[sum.of.held_out ? "held_out" : "pooled_test"][patient_of(sum.of)].push_back(std::move(sum.of.scored));
  }
  return out;
}

constexpr const char* groups[] = {"pooled_test", "held_out"};

/// More than one fold tested some of pooled_test: of a joint loss their numbers have no common zero.
bool are_of_several_folds(const std::vector<std::vector<Evaluated>>& folds) {
  return 1 < std::ranges::count_if(folds, [](const std::vector<Evaluated>& fold) {
           return std::ranges::any_of(fold, [](const Evaluated& one) { return one.test && !one.held_out; });
         });
}

}  // namespace

std::vector<Scored> validated(const std::vector<Evaluated>& fold) {
  std::vector<Scored> out;
  for (const Evaluated& one : fold)
    if (!one.test) out.push_back(one.scored);
  return out;
}

std::vector<Scored> tested(const std::vector<std::vector<Evaluated>>& folds) {
  const std::map<std::string, Patients> all = together(folds);
  for (const char* name : groups)
    if (const auto of = all.find(name); of != all.end()) return all_of(of->second);
  return {};
}

std::string metrics_json(const Task& task, std::uint64_t seed, const std::string& samples_are,
                         const std::vector<std::vector<Evaluated>>& folds, int threads, const Scope& scope) {
  const Draws how{seed, threads, scope};
  ordered_json out{{"task", task.name()}, {"folds", ordered_json::array()}};
  for (std::size_t fold = 0; fold < folds.size(); ++fold) {
    ordered_json entry{{"fold", fold}};
    for (const bool test : {false, true}) {
      Patients patients;
      for (const Evaluated& one : folds[fold])
        if (one.test == test) patients[patient_of(one)].push_back(one.scored);
      if (!patients.empty()) entry[test ? "test" : "val"] = judged(task, how, patients, samples_are);
    }
    out["folds"].push_back(std::move(entry));
  }
  const std::map<std::string, Patients> all = together(folds);
  for (const char* name : groups)
    if (const auto of = all.find(name); of != all.end())
      out[name] = judged(task, how, of->second, samples_are);
  if (task.is_joint() && are_of_several_folds(folds))
    out["pooled_test"]["c_index"] = {{"value", nullptr}, {"interval", nullptr}};
  return out.dump(2) + "\n";
}

std::string said_of_draws(const std::string& samples_are, const std::vector<std::vector<Evaluated>>& folds) {
  Drawn least = Drawn::patients;
  for (const auto& fold : folds)
    for (const Evaluated& one : fold) least = std::max(least, patient_of(one).first);
  if (least == Drawn::patients) return {};
  return fmt::format(
      "intervals in metrics.json draw {}, as patients are not known, and are too narrow where several are of "
      "one patient: add the column patient",
      name_of(least, samples_are));
}

}  // namespace flowrun::torch_nodes
