// SPDX-License-Identifier: Apache-2.0
#include "evaluated_file.h"

#include <ATen/ATen.h>
#include <ATen/core/Dict.h>
#include <ATen/core/List.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>

#include "nodes/torch/pickle_file.h"

namespace flowrun::torch_nodes {
namespace {

using Numbers = std::vector<float> Scored::*;

/// Texts, each once, and which of them samples have.
class Names {
 public:
  std::int64_t number_of(const std::string& name) {
    const auto [it, is_new] = numbers_.try_emplace(name, names_.size());
    if (is_new) names_.push_back(name);
    return static_cast<std::int64_t>(it->second);
  }
  const c10::List<std::string>& names() const { return names_; }

 private:
  std::map<std::string, std::size_t> numbers_;
  c10::List<std::string> names_;
};

at::Tensor column(const std::vector<Evaluated>& samples,
                  const std::function<std::int64_t(const Evaluated&)>& of) {
  at::Tensor out = at::empty({static_cast<std::int64_t>(samples.size())}, at::kLong);
  auto* value = out.data_ptr<std::int64_t>();
  for (const Evaluated& one : samples) *value++ = of(one);
  return out;
}

at::Tensor rows(const std::vector<Evaluated>& samples, Numbers of) {
  const auto count = static_cast<std::int64_t>(samples.size());
  const std::int64_t width = count > 0 ? static_cast<std::int64_t>((samples.front().scored.*of).size()) : 0;
  at::Tensor out = at::empty({count, width}, at::kFloat);
  auto* value = out.data_ptr<float>();
  for (const Evaluated& one : samples) value = std::ranges::copy(one.scored.*of, value).out;
  return out;
}

}  // namespace

void write_evaluated(const std::filesystem::path& file, const std::vector<Evaluated>& samples) {
  Names slides, patients;
  c10::impl::GenericDict all(c10::StringType::get(), c10::AnyType::get());
  all.insert("number",
             column(samples, [](const Evaluated& one) { return static_cast<std::int64_t>(one.sample); }));
  all.insert("slide",
             column(samples, [&](const Evaluated& one) { return slides.number_of(one.scored.slide); }));
  all.insert("patient",
             column(samples, [&](const Evaluated& one) { return patients.number_of(one.patient); }));
  all.insert("test", column(samples, [](const Evaluated& one) { return one.test; }));
  all.insert("held_out", column(samples, [](const Evaluated& one) { return one.held_out; }));
  all.insert("target", rows(samples, &Scored::target));
  all.insert("predicted", rows(samples, &Scored::predicted));
  all.insert("thresholds", at::tensor(samples.empty() ? std::vector<double>{}
                                                      : values_of(samples.front().scored.thresholds),
                                      at::kDouble));
  all.insert("slides", slides.names());
  all.insert("patients", patients.names());
  write_pickle(file, all);
}

std::vector<Evaluated> read_evaluated(const std::filesystem::path& file) {
  const c10::IValue read = read_pickle(file);
  try {
    const auto all = read.toGenericDict();
    const auto tensor = [&](const char* name) { return all.at(name).toTensor().contiguous(); };
    const auto name_in = [&](const char* list, const at::Tensor& numbers, std::int64_t row) {
      return all.at(list)
          .toList()
          .get(static_cast<std::size_t>(numbers[row].item<std::int64_t>()))
          .toStringRef();
    };
    const at::Tensor number = tensor("number"), slide = tensor("slide"), patient = tensor("patient"),
                     test = tensor("test"), held_out = tensor("held_out"), target = tensor("target"),
                     predicted = tensor("predicted"), of_all = tensor("thresholds");
    Thresholds thresholds;
    if (of_all.numel() > 0)
      thresholds = std::make_shared<const std::vector<double>>(of_all.data_ptr<double>(),
                                                               of_all.data_ptr<double>() + of_all.numel());
    const auto row_of = [](const at::Tensor& table, std::int64_t row) {
      const float* first = table.data_ptr<float>() + row * table.size(1);
      return std::vector<float>(first, first + table.size(1));
    };
    std::vector<Evaluated> out;
    for (std::int64_t i = 0; i < number.size(0); ++i)
      out.push_back({static_cast<std::uint64_t>(number[i].item<std::int64_t>()),
                     name_in("patients", patient, i),
                     test[i].item<std::int64_t>() != 0,
                     held_out[i].item<std::int64_t>() != 0,
                     {name_in("slides", slide, i), row_of(target, i), row_of(predicted, i), thresholds}});
    return out;
  } catch (const std::exception& problem) {
    throw Error(fmt::format("{} is damaged: it is no table of predictions", file.string()));
  }
}

}  // namespace flowrun::torch_nodes
