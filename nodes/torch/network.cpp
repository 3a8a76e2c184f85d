// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <flowrun/torch/network.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "efficientnet.h"
#include "random_source.h"
#include "resnet.h"

namespace flowrun::torch_nodes {
namespace {

NamedTensors list(const torch::OrderedDict<std::string, at::Tensor>& tensors) {
  NamedTensors out;
  for (const auto& item : tensors) out.emplace_back(item.key(), item.value());
  return out;
}

class LayerNetwork final : public Network {
 public:
  LayerNetwork(std::shared_ptr<BlockNetwork> layers, std::string head)
      : layers_(std::move(layers)), head_(std::move(head)) {}

  at::Tensor forward(const at::Tensor& images) override { return layers_->forward(images); }
  at::Tensor features(const at::Tensor& images) override { return layers_->features(images); }
  void train(bool on) override { layers_->train(on); }
  void to(c10::Device device) override {
    layers_->to(device);
    layers_->random->to(device);
  }
  NamedTensors parameters() const override { return list(layers_->named_parameters()); }
  NamedTensors buffers() const override { return list(layers_->named_buffers()); }
  std::string head() const override { return head_; }
  NamedTensors random_state() const override { return layers_->random->state(); }
  void restore_random(const std::map<std::string, at::Tensor>& state) override {
    layers_->random->restore(state);
  }
  bool checkpoint_blocks(bool on) override {
    layers_->checkpointed = on;
    return true;
  }
  bool join_batch_norms(const std::shared_ptr<Ranks>& ranks) override {
    layers_->join_batch_norms(ranks);
    return true;
  }
  void fold_batch_norms() override { layers_->fold_batch_norms(); }
  bool use_onednn(c10::ScalarType type) override { return layers_->use_onednn(type); }

 private:
  std::shared_ptr<BlockNetwork> layers_;
  std::string head_;
};

}  // namespace

at::Tensor Network::features(const at::Tensor&) {
  throw Error("it is not known what the last layer of this network sees");
}

NamedTensors Network::state() const {
  NamedTensors all = parameters();
  for (auto& buffer : buffers()) all.push_back(std::move(buffer));
  return all;
}

const std::vector<std::string>& architectures() {
  static const std::vector<std::string> names{"resnet18", "resnet34", "resnet50", "efficientnet_b0"};
  return names;
}

bool is_architecture(const std::string& name) {
  return std::find(architectures().begin(), architectures().end(), name) != architectures().end();
}

std::unique_ptr<Network> make_network(const std::string& architecture, std::int64_t classes,
                                      std::uint64_t seed) {
  const auto random = std::make_shared<RandomSource>(seed);
  if (architecture == "efficientnet_b0")
    return std::make_unique<LayerNetwork>(make_efficientnet_b0(classes, random), "classifier.");
  static const std::map<std::string, int> depths{{"resnet18", 18}, {"resnet34", 34}, {"resnet50", 50}};
  if (const auto depth = depths.find(architecture); depth != depths.end())
    return std::make_unique<LayerNetwork>(make_resnet(depth->second, classes, random), "fc.");
  throw Error(
      fmt::format("no network is known as '{}'; expected one of {}, or the path of a TorchScript "
                  "module",
                  architecture, fmt::join(architectures(), ", ")));
}

}  // namespace flowrun::torch_nodes
