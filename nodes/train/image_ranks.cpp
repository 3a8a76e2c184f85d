// SPDX-License-Identifier: Apache-2.0
// What an ImageTrainer does where several ranks train together.
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "image_trainer.h"
#include "nodes/torch/resolution.h"

namespace flowrun::torch_nodes {

void ImageTrainer::join_batch_norms(Network& network) {
  if (!options_.sync_batch_norm || !are_several_ranks()) return;
  if (!network.join_batch_norms(shared_ranks()))
    throw Error(
        fmt::format("sync_batch_norm needs a model whose batch normalisation is known; {} is a module",
                    options_.model.text));
  joins_ranks_ = true;
}

void ImageTrainer::gather_evaluated() {
  if (!are_several_ranks()) return;
  nlohmann::json own{{"mpp", nullptr}, {"samples", nlohmann::json::array()}};
  if (facts().mpp) own["mpp"] = *facts().mpp;
  for (const Evaluated& one : now_)
    own["samples"].push_back({one.sample, one.patient, one.test, one.held_out});
  const auto bytes = nlohmann::json::to_cbor(own);
  now_.clear();
  for (const std::string& said : ranks().gather({bytes.begin(), bytes.end()})) {
    const auto all = nlohmann::json::from_cbor(said);
    for (const auto& one : all.at("samples"))
      now_.push_back({one.at(0), one.at(1), one.at(2), one.at(3), {}});
    const auto& mpp = all.at("mpp");
    const auto of_rank = mpp.is_null() ? std::nullopt : std::optional(mpp.get<double>());
    if (facts().mpp && !is_near(of_rank, *facts().mpp, usual_mpp_tolerance)) set_mpp({});
  }
  std::ranges::sort(now_, {},
                    [](const Evaluated& one) { return std::tuple(one.test, one.held_out, one.sample); });
}

}  // namespace flowrun::torch_nodes
