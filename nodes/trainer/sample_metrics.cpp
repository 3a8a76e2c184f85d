// SPDX-License-Identifier: Apache-2.0
#include "sample_metrics.h"

#include <algorithm>

#include "metrics.h"

namespace flowrun::torch_nodes {
namespace {

using Confusion = std::vector<std::vector<std::uint64_t>>;  // by label, then by prediction

double sum_of(const std::vector<std::uint64_t>& counts) {
  double sum = 0;
  for (const auto count : counts) sum += static_cast<double>(count);
  return sum;
}

std::optional<double> balanced_accuracy(const Confusion& confusion) {
  double sum = 0, classes = 0;
  for (std::size_t label = 0; label < confusion.size(); ++label)
    if (const double all = sum_of(confusion[label]); all > 0)
      sum += static_cast<double>(confusion[label][label]) / all, ++classes;
  return classes > 0 ? std::optional(sum / classes) : std::nullopt;
}

/// Nothing where all are of one class and said to be.
std::optional<double> kappa(const Confusion& confusion) {
  std::vector<double> said(confusion.size());
  double all = 0, right = 0, by_chance = 0;
  for (std::size_t label = 0; label < confusion.size(); ++label)
    for (std::size_t as = 0; as < confusion.size(); ++as) {
      const auto count = static_cast<double>(confusion[label][as]);
      all += count, said[as] += count, right += label == as ? count : 0;
    }
  for (std::size_t label = 0; label < confusion.size(); ++label)
    by_chance += sum_of(confusion[label]) * said[label] / all;
  return all > by_chance ? std::optional((right - by_chance) / (all - by_chance)) : std::nullopt;
}

}  // namespace

std::vector<std::pair<std::string, std::optional<double>>> sample_metrics(
    const Task& task, const std::vector<Scored>& samples) {
  std::vector<std::pair<std::string, std::optional<double>>> out;
  History::Row row;
  task.add_metrics(samples, "", row);
  for (const auto& [name, value] : row.items())
    if (!value.is_string() && name != "threshold")
      out.emplace_back(name, value.is_number() ? std::optional(value.get<double>()) : std::nullopt);
  if (task.name() != "classification" || samples.empty()) return out;
  const Confusion confusion = metrics_of(samples, task.outputs().size()).confusion;
  out.emplace_back("balanced_accuracy", balanced_accuracy(confusion));
  out.emplace_back("kappa", kappa(confusion));
  return out;
}

}  // namespace flowrun::torch_nodes
