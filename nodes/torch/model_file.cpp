// SPDX-License-Identifier: Apache-2.0
#include "model_file.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "pickle_file.h"
#include "state_dict.h"

namespace flowrun::torch_nodes {
using nlohmann::json;

std::string to_text(const ModelFacts& facts) {
  return json{{"architecture", facts.architecture},
              {"classes", facts.classes},
              {"width", facts.width},
              {"height", facts.height},
              {"mean", facts.mean},
              {"std", facts.std}}
      .dump();
}

ModelFacts facts_from(const std::string& text) {
  const json all = json::parse(text);
  return {all.at("architecture"), all.at("classes"), all.at("width"),
          all.at("height"),       all.at("mean"),    all.at("std")};
}

bool Checkpoint::has(const std::string& name) const {
  return all.toGenericDict().contains(name);
}

c10::IValue Checkpoint::entry(const std::string& name) const {
  if (!has(name)) throw Error("it has no '" + name + "'");
  return all.toGenericDict().at(name);
}

Checkpoint read_checkpoint(const std::filesystem::path& file) {
  Checkpoint out{read_pickle(file), {}};
  const auto is_checkpoint = [&] {
    return out.all.isGenericDict() && out.has("format") && out.entry("format").isString() &&
           out.entry("format").toStringRef() == checkpoint_format;
  };
  if (!is_checkpoint()) throw Error(fmt::format("{} is no checkpoint of flowrun", file.string()));
  try {
    out.facts = facts_from(out.entry("facts").toStringRef());
  } catch (const std::exception& problem) {
    throw Error(fmt::format("{} is damaged: {}", file.string(), problem.what()));
  }
  return out;
}

void add_facts(const ModelFacts& facts, c10::impl::GenericDict& checkpoint) {
  checkpoint.insert("facts", to_text(facts));
}

namespace {

Model of_checkpoint(const std::filesystem::path& file) {
  Model model{read_checkpoint(file).facts, nullptr, {}};
  const std::string& architecture = model.facts.architecture;
  model.network = is_architecture(architecture)
                      ? make_network(architecture, static_cast<std::int64_t>(model.facts.classes.size()))
                      : load_script(architecture);
  load_weights(*model.network, read_state_dict(file), file.string());
  return model;
}

Model of_script(const std::filesystem::path& file, const std::vector<std::string>& classes) {
  Model model;
  std::string facts;
  model.network = load_script(file.string(), facts_file, facts);
  if (!facts.empty()) model.facts = facts_from(facts);
  model.facts.architecture = file.string();
  if (!classes.empty()) model.facts.classes = classes;
  if (model.facts.classes.empty())
    throw Error(fmt::format("{} does not say what its classes are; give `classes`", file.string()));
  return model;
}

/// TorchScript is a ZIP file with code.
bool is_checkpoint(const std::filesystem::path& file) {
  try {
    return read_pickle(file).isGenericDict();
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

Model read_model(const std::filesystem::path& file, const std::vector<std::string>& classes) {
  if (!std::filesystem::is_regular_file(file)) throw Error(fmt::format("there is no file {}", file.string()));
  Model model = is_checkpoint(file) ? of_checkpoint(file) : of_script(file, classes);
  model.network->train(false);
  const auto changed = std::filesystem::last_write_time(file).time_since_epoch().count();
  model.identity = fmt::format("{}, {} bytes, {}", file.string(), std::filesystem::file_size(file), changed);
  return model;
}

}  // namespace flowrun::torch_nodes
