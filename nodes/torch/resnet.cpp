// SPDX-License-Identifier: Apache-2.0
#include "resnet.h"

#include <ATen/ATen.h>

#include <cmath>

namespace flowrun::torch_nodes {
namespace {

/// What both kinds of block have: the way around them.
class ResidualBlock : public Layer {
 protected:
  ResidualBlock(std::int64_t in, std::int64_t out, std::int64_t stride, const Randomness& random) {
    if (stride == 1 && in == out) return;
    around_ = std::make_shared<Layers>();
    around_->add<Convolution>(Convolution::Shape{in, out, 1, stride}, random).add<BatchNorm>(out);
  }
  void register_way_around() {  // last, as in torchvision's state dict
    if (around_) register_module("downsample", around_);
  }
  at::Tensor add_to(at::Tensor y, const at::Tensor& x) {
    y.add_(around_ ? around_->forward(x) : x);
    return y.relu_();
  }

 private:
  std::shared_ptr<Layers> around_;
};

class BasicBlock : public ResidualBlock {
 public:
  static constexpr std::int64_t expansion = 1;

  BasicBlock(std::int64_t in, std::int64_t width, std::int64_t stride, const Randomness& random)
      : ResidualBlock(in, width, stride, random) {
    conv1_ = register_module("conv1",
                             std::make_shared<Convolution>(Convolution::Shape{in, width, 3, stride}, random));
    bn1_ = register_module("bn1", std::make_shared<BatchNorm>(width));
    conv2_ =
        register_module("conv2", std::make_shared<Convolution>(Convolution::Shape{width, width, 3}, random));
    bn2_ = register_module("bn2", std::make_shared<BatchNorm>(width));
    register_way_around();
  }
  at::Tensor forward(const at::Tensor& x) override {
    const at::Tensor y = bn1_->forward(conv1_->forward(x)).relu_();
    return add_to(bn2_->forward(conv2_->forward(y)), x);
  }

 private:
  std::shared_ptr<Layer> conv1_, bn1_, conv2_, bn2_;
};

class Bottleneck : public ResidualBlock {
 public:
  static constexpr std::int64_t expansion = 4;

  Bottleneck(std::int64_t in, std::int64_t width, std::int64_t stride, const Randomness& random)
      : ResidualBlock(in, width * expansion, stride, random) {
    const std::int64_t out = width * expansion;
    conv1_ =
        register_module("conv1", std::make_shared<Convolution>(Convolution::Shape{in, width, 1}, random));
    bn1_ = register_module("bn1", std::make_shared<BatchNorm>(width));
    conv2_ = register_module(
        "conv2", std::make_shared<Convolution>(Convolution::Shape{width, width, 3, stride}, random));
    bn2_ = register_module("bn2", std::make_shared<BatchNorm>(width));
    conv3_ =
        register_module("conv3", std::make_shared<Convolution>(Convolution::Shape{width, out, 1}, random));
    bn3_ = register_module("bn3", std::make_shared<BatchNorm>(out));
    register_way_around();
  }
  at::Tensor forward(const at::Tensor& x) override {
    at::Tensor y = bn1_->forward(conv1_->forward(x)).relu_();
    y = bn2_->forward(conv2_->forward(y)).relu_();
    return add_to(bn3_->forward(conv3_->forward(y)), x);
  }

 private:
  std::shared_ptr<Layer> conv1_, bn1_, conv2_, bn2_, conv3_, bn3_;
};

class ResNet : public BlockNetwork {
 public:
  using BlockNetwork::BlockNetwork;

  template <class Block>
  static std::shared_ptr<ResNet> make(const std::array<int, 4>& blocks, std::int64_t classes,
                                      const Randomness& random) {
    auto net = std::make_shared<ResNet>(random);
    net->conv1_ =
        net->register_module("conv1", std::make_shared<Convolution>(Convolution::Shape{3, 64, 7, 2}, random));
    net->bn1_ = net->register_module("bn1", std::make_shared<BatchNorm>(64));
    std::int64_t in = 64, width = 64;
    for (std::size_t stage = 0; stage < blocks.size(); ++stage, width *= 2) {
      auto layer = std::make_shared<torch::nn::Module>();
      for (int i = 0; i < blocks[stage]; ++i) {
        const std::int64_t stride = stage > 0 && i == 0 ? 2 : 1;
        net->blocks_.push_back(
            layer->register_module(std::to_string(i), std::make_shared<Block>(in, width, stride, random)));
        in = width * Block::expansion;
      }
      net->register_module("layer" + std::to_string(stage + 1), layer);
    }
    net->fc_ = net->register_module(
        "fc", std::make_shared<Linear>(in, classes, 1 / std::sqrt(static_cast<double>(in)), false, random));
    return net;
  }

  bool use_onednn(c10::ScalarType type) override {
    pack(type);
    return true;
  }

 protected:
  at::Tensor before_blocks(const at::Tensor& x) override {
    return at::max_pool2d(bn1_->forward(conv1_->forward(x)).relu_(), {3, 3}, {2, 2}, {1, 1});
  }
  at::Tensor after_blocks(const at::Tensor& x) override {
    return at::adaptive_avg_pool2d(x, {1, 1}).flatten(1);
  }
  at::Tensor last_layer(const at::Tensor& x) override { return fc_->forward(x); }

 private:
  std::shared_ptr<Layer> conv1_, bn1_, fc_;
};

}  // namespace

std::shared_ptr<BlockNetwork> make_resnet(int depth, std::int64_t classes, const Randomness& random) {
  if (depth == 18) return ResNet::make<BasicBlock>({2, 2, 2, 2}, classes, random);
  if (depth == 34) return ResNet::make<BasicBlock>({3, 4, 6, 3}, classes, random);
  return ResNet::make<Bottleneck>({3, 4, 6, 3}, classes, random);
}

}  // namespace flowrun::torch_nodes
