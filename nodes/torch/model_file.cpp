// SPDX-License-Identifier: Apache-2.0
#include "model_file.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "nodes/slide/slide_files.h"
#include "pickle_file.h"
#include "predictions.h"
#include "script_network.h"
#include "script_output.h"
#include "state_dict.h"

namespace flowrun::torch_nodes {
using nlohmann::json;

std::string to_text(const ModelFacts& facts) {
  json all{{"architecture", facts.architecture},
           {"classes", facts.classes},
           {"width", facts.width},
           {"height", facts.height},
           {"mean", facts.mean},
           {"std", facts.std},
           {"output", facts.output},
           {"task", facts.task}};
  if (facts.mpp) all["mpp"] = *facts.mpp;
  if (!facts.temperatures.empty()) all["temperatures"] = facts.temperatures;
  if (!facts.thresholds.empty()) all["thresholds"] = facts.thresholds;
  return all.dump();
}

namespace {

/// What `read` gives, or that the file is damaged.
template <class Read>
auto or_damaged(const std::filesystem::path& file, const Read& read) {
  try {
    return read();
  } catch (const c10::Error& problem) {
    throw Error(fmt::format("{} is damaged: {}", file.string(), problem.what_without_backtrace()));
  } catch (const std::exception& problem) {
    throw Error(fmt::format("{} is damaged: {}", file.string(), problem.what()));
  }
}

/// Of classes `of_classes` numbers, of labels one each, or none at all.
std::vector<double> numbers_from(const json& all, const char* name, const ModelFacts& facts,
                                 std::size_t of_classes) {
  const std::vector<double> numbers = all.value(name, std::vector<double>{});
  const std::size_t wanted = facts.task == "multilabel"       ? facts.classes.size()
                             : facts.task == "classification" ? of_classes
                                                              : 0;
  if (!numbers.empty() && numbers.size() != wanted)
    throw Error(fmt::format("there are {} {}, expected {}", numbers.size(), name, wanted));
  return numbers;
}

ModelFacts facts_from(const std::string& text) {
  const json all = json::parse(text);
  ModelFacts facts{all.at("architecture"),
                   all.at("classes"),
                   all.at("width"),
                   all.at("height"),
                   all.at("mean"),
                   all.at("std"),
                   all.value("output", "auto"),
                   all.value("task", "classification")};
  if (const auto mpp = all.find("mpp"); mpp != all.end()) facts.mpp = mpp->get<double>();
  if (std::ranges::find(tasks, facts.task) == tasks.end() &&
      std::ranges::find(tasks_of_slides, facts.task) == tasks_of_slides.end())
    throw Error(
        fmt::format("no task is known as '{}'; expected one of {}", facts.task, fmt::join(tasks, ", ")));
  if (std::ranges::any_of(facts.std, [](double std) { return !(std > 0); }))
    throw Error("std must be above 0");
  if (facts.mpp && !(*facts.mpp > 0)) throw Error("mpp must be above 0");
  facts.temperatures = numbers_from(all, "temperatures", facts, 1);
  if (std::ranges::any_of(facts.temperatures, [](double t) { return !(t > 0 && std::isfinite(t)); }))
    throw Error("temperatures must be above 0");
  facts.thresholds = numbers_from(all, "thresholds", facts, facts.classes.size() == 2 ? 1 : 0);
  if (std::ranges::any_of(facts.thresholds, [](double p) { return !(p >= 0 && p <= 1); }))
    throw Error("thresholds must be from 0 to 1");
  return facts;
}

}  // namespace

bool Checkpoint::has(const std::string& name) const {
  return all.toGenericDict().contains(name);
}

c10::IValue Checkpoint::entry(const std::string& name) const {
  if (!has(name)) throw Error("it has no '" + name + "'");
  return all.toGenericDict().at(name);
}

Checkpoint read_checkpoint(const std::filesystem::path& file) {
  Checkpoint out{read_pickle(file), {}};
  const bool named = out.all.isGenericDict() && out.has("format") && out.entry("format").isString();
  const std::string format = named ? out.entry("format").toStringRef() : "";
  if (format.starts_with("flowrun.checkpoint/") && format != checkpoint_format)
    throw Error(fmt::format("{} has the format {}, expected {}: another flowrun wrote it; train anew",
                            file.string(), format, checkpoint_format));
  if (format != checkpoint_format) throw Error(fmt::format("{} is no checkpoint of flowrun", file.string()));
  out.facts = or_damaged(file, [&] { return facts_from(out.entry("facts").toStringRef()); });
  return out;
}

void add_facts(const ModelFacts& facts, c10::impl::GenericDict& checkpoint) {
  checkpoint.insert("facts", to_text(facts));
}

namespace {

/// Of classes a module's numbers may be logits or probabilities; those of other tasks are taken as they are.
std::string raw_or(const ModelFacts& facts) {
  return facts.task == "classification" ? facts.output : "logits";
}

/// What a module gives that does not say it, by its code: sigmoids are the probabilities of labels.
std::string label_output(const ScriptFile& script) {
  const std::string by_code = output_by_code(script);
  if (by_code == "probabilities")
    throw Error(
        fmt::format("{} ends in softmax, which lets an image have one label only: expected one that ends "
                    "in sigmoid or gives logits for task: multilabel",
                    script.source));
  return by_code == "sigmoids" ? "probabilities" : "logits";
}

/// `script` is of a TorchScript module only.
std::unique_ptr<Network> network_of(const ModelFacts& facts, const ScriptFile& script) {
  if (facts.architecture == script_architecture) return load_script(script, raw_or(facts));
  return make_network(facts.architecture, static_cast<std::int64_t>(facts.classes.size()));
}

Model of_checkpoint(const std::filesystem::path& file, const std::string& output) {
  const Checkpoint checkpoint = read_checkpoint(file);
  Model model{checkpoint.facts, {}, {}};
  if (output != "auto") model.facts.output = output;
  ScriptFile script{{}, file.string()};
  if (model.facts.architecture == script_architecture)
    script.bytes =
        or_damaged(file, [&] { return checkpoint.entry("code").toTensor().to(at::kByte).contiguous(); });
  model.network = network_of(model.facts, script);
  const auto weights = or_damaged(file, [&] { return to_map(checkpoint.entry("model")); });
  if (load_weights(*model.network, weights, file.string()) != Head::loaded)
    throw Error(fmt::format("{} is damaged: its last layer is not of its {} classes", file.string(),
                            model.facts.classes.size()));
  return model;
}

Model of_script(const std::filesystem::path& file, const OutputFacts& told) {
  const ScriptFile script = read_script(file);
  Model model;
  const std::string facts = script.carried(facts_file);
  if (!facts.empty()) model.facts = or_damaged(file, [&] { return facts_from(facts); });
  model.facts.architecture = script_architecture;
  if (told.output != "auto") model.facts.output = told.output;
  if (facts.empty() && told.task) model.facts.task = *told.task;
  if (model.facts.task == "multilabel" && model.facts.output == "auto")
    model.facts.output = label_output(script);
  model.network = load_script(script, raw_or(model.facts));
  if (!told.classes.empty()) model.facts.classes = told.classes;
  if (model.facts.classes.empty())
    throw Error(fmt::format("{} does not say what its classes are; give `classes`", file.string()));
  return model;
}

}  // namespace

Model read_model(const std::filesystem::path& file, const OutputFacts& told) {
  Model model = is_script(file) ? of_script(file, told) : of_checkpoint(file, told.output);
  if (told.task && *told.task != model.facts.task)
    throw Error(
        fmt::format("{} was trained for {}, not for {}", file.string(), model.facts.task, *told.task));
  for (auto name = model.facts.classes.begin(); name != model.facts.classes.end(); ++name)
    if (std::find(model.facts.classes.begin(), name, *name) != name)
      throw Error(fmt::format("two {} of {} are called '{}'",
                              model.facts.task == "classification" ? "classes" : "outputs", file.string(),
                              *name));
  model.network->train(false);
  for (const auto& [what, value] : wsi::file_identity(file)) model.identity += value + "; ";
  return model;
}

Model copy_of(const Model& model) {
  Model copy{model.facts, network_of(model.facts, {model.network->code(), "the module"}), model.identity};
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, tensor] : model.network->state()) tensors[name] = tensor;
  load_weights(*copy.network, tensors, model.facts.architecture);
  copy.network->train(false);
  return copy;
}

}  // namespace flowrun::torch_nodes
