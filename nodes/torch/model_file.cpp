// SPDX-License-Identifier: Apache-2.0
#include "model_file.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "pickle_file.h"
#include "state_dict.h"

namespace flowrun::torch_nodes {
namespace {

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

Model read_model(const std::filesystem::path& file) {
  const Checkpoint checkpoint = read_checkpoint(file);
  Model model{checkpoint.facts, nullptr};
  const std::string& architecture = model.facts.architecture;
  model.network = is_architecture(architecture)
                      ? make_network(architecture, static_cast<std::int64_t>(model.facts.classes.size()))
                      : load_script(architecture);
  load_weights(*model.network, read_state_dict(file), file.string());
  model.network->train(false);
  return model;
}

}  // namespace flowrun::torch_nodes
