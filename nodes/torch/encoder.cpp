// SPDX-License-Identifier: Apache-2.0
#include "encoder.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "model_file.h"
#include "pickle_file.h"
#include "script_file.h"
#include "script_network.h"
#include "state_dict.h"

namespace flowrun::torch_nodes {
namespace {

using Half = std::optional<c10::ScalarType>;

std::string shape_of(const at::Tensor& tensor) {
  return fmt::format("{}", fmt::join(tensor.sizes(), " x "));
}

at::Tensor pooled(const at::Tensor& out, const EncoderFacts& facts) {
  const auto unfit = [&](const std::string& why) {
    return Error(fmt::format("{} gives {} numbers for {} images: {}", facts.name, shape_of(out),
                             out.dim() > 0 ? out.size(0) : 0, why));
  };
  if (out.dim() == 2) {
    if (facts.pooling == "none") return out;
    throw unfit("there is nothing to pool; set pooling: none");
  }
  if (out.dim() == 4) {
    if (facts.pooling == "mean") return out.mean({2, 3});
    throw unfit("they are maps; set pooling: mean");
  }
  if (out.dim() != 3) throw unfit("expected a vector, tokens or maps for each image");
  if (facts.pooling == "none") throw unfit("they are tokens; set pooling: class, mean or class_mean");
  if (facts.pooling == "class") return out.select(1, 0);
  if (out.size(1) <= facts.prefix_tokens)
    throw unfit(fmt::format("no token is left after the first {}; set prefix_tokens", facts.prefix_tokens));
  const at::Tensor mean = out.slice(1, facts.prefix_tokens).mean(1);
  return facts.pooling == "mean" ? mean : at::cat({out.select(1, 0), mean}, 1);
}

EncoderFacts facts_from(const std::string& text, std::string name) {
  const auto all = nlohmann::json::parse(text);
  EncoderFacts facts{.name = all.value("name", std::move(name))};
  facts.input_size = all.value("input_size", facts.input_size);
  facts.mean = all.value("mean", facts.mean);
  facts.std = all.value("std", facts.std);
  if (const auto mpp = all.find("mpp"); mpp != all.end() && !mpp->is_null()) facts.mpp = mpp->get<double>();
  facts.pooling = all.value("pooling", facts.pooling);
  facts.prefix_tokens = all.value("prefix_tokens", facts.prefix_tokens);
  if (std::ranges::any_of(facts.std, [](double std) { return !(std > 0); }))
    throw Error("std must be above 0");
  if (std::ranges::find(poolings, facts.pooling) == poolings.end())
    throw Error(fmt::format("pooling is '{}', expected one of {}", facts.pooling, fmt::join(poolings, ", ")));
  if (facts.prefix_tokens < 0 || facts.input_size < 0 || (facts.mpp && !(*facts.mpp > 0)))
    throw Error("prefix_tokens, input_size and mpp must not be negative, nor mpp 0");
  return facts;
}

Encoder of_network(std::shared_ptr<Network> network, c10::Device device, Half half) {
  return {.inference = inference_of(std::move(network), Wanted::features, device, half)};
}

Encoder of_script(const std::filesystem::path& file, c10::Device device, Half half) {
  const ScriptFile script = read_script(file);
  if (!script.carried(facts_file).empty())
    throw Error(
        fmt::format("{} is a classifier that `export` made, and gives classes: take the checkpoint (best.pt) "
                    "that it was made from, whose features are known",
                    file.string()));
  Encoder encoder{.inference = inference_of(script, device, half)};
  encoder.facts.name = file.stem().string();
  if (const std::string facts = script.carried(encoder_facts_file); !facts.empty()) try {
      encoder.facts = facts_from(facts, encoder.facts.name);
    } catch (const std::exception& problem) {
      throw Error(
          fmt::format("{}: its {} is damaged: {}", file.string(), encoder_facts_file, problem.what()));
    }
  return encoder;
}

Encoder of_checkpoint(const std::filesystem::path& file, c10::Device device, Half half) {
  const Model model = read_model(file);
  if (model.facts.architecture == script_architecture)
    throw Error(
        fmt::format("{} is of a TorchScript module, of which it is not known what its last layer sees; "
                    "trace one that gives the features",
                    file.string()));
  Encoder encoder = of_network(model.network, device, half);
  encoder.facts.name = model.facts.architecture;
  if (model.facts.width == model.facts.height) encoder.facts.input_size = model.facts.width;
  encoder.facts.mean = model.facts.mean;
  encoder.facts.std = model.facts.std;
  encoder.facts.mpp = model.facts.mpp;
  return encoder;
}

}  // namespace

at::Tensor Encoder::encode(const at::Tensor& images) const {
  const c10::NoGradGuard no_grad;
  return pooled(inference.run(images), facts).to(at::kFloat).contiguous();
}

void Encoder::check(const at::Tensor& features, std::int64_t images) const {
  if (features.size(0) != images)
    throw Error(fmt::format("{} gives {} vectors for {} images", facts.name, features.size(0), images));
  if (!at::isfinite(features).all().item<bool>())
    throw Error(fmt::format("{} gives features that are not finite", facts.name));
}

Encoder read_encoder(const std::string& model, const std::optional<std::filesystem::path>& weights,
                     c10::Device device, Half half) {
  if (!is_architecture(model)) {
    if (weights)
      throw Error("a file has its weights in it; leave `weights` out, or name one of " +
                  fmt::format("{}", fmt::join(architectures(), ", ")));
    return is_script(model) ? of_script(model, device, half) : of_checkpoint(model, device, half);
  }
  if (!weights)
    throw Error(fmt::format("features of random weights mean nothing: give `weights` of {}", model));
  std::shared_ptr<Network> network = make_network(model, 1000);
  load_weights(*network, *weights);
  Encoder encoder = of_network(network, device, half);
  encoder.facts.name = model;
  return encoder;
}

}  // namespace flowrun::torch_nodes
