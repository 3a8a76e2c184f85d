// SPDX-License-Identifier: Apache-2.0
#include "efficientnet.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

namespace flowrun::torch_nodes {
namespace {

/// Convolution, batch normalisation and, but for projections, SiLU.
class ConvNormAct : public Layers {
 public:
  ConvNormAct(const Convolution::Shape& shape, const Randomness& random, bool activation = true) {
    add<Convolution>(shape, random).add<BatchNorm>(shape.out);
    if (activation) add<Silu>();
  }
};

/// Weights channels by what is in all of them (Hu et al. 2018, "Squeeze-and-excitation networks").
class SqueezeExcitation : public Layer {
 public:
  SqueezeExcitation(std::int64_t channels, std::int64_t squeezed, const Randomness& random) {
    fc1_ = register_module(
        "fc1", std::make_shared<Convolution>(Convolution::Shape{channels, squeezed, 1, 1, 1, true}, random));
    fc2_ = register_module(
        "fc2", std::make_shared<Convolution>(Convolution::Shape{squeezed, channels, 1, 1, 1, true}, random));
  }
  at::Tensor forward(const at::Tensor& x) override {
    const at::Tensor squeezed = at::silu(fc1_->forward(at::adaptive_avg_pool2d(x, {1, 1})));
    return at::sigmoid(fc2_->forward(squeezed)) * x;
  }

 private:
  std::shared_ptr<Layer> fc1_, fc2_;
};

/// One row of table 1 of the paper.
struct Stage {
  std::int64_t expansion, kernel, stride, in, out;
  int blocks;
};

/// An inverted bottleneck. While training, whole samples skip it with probability `skip`.
class MBConv : public Layer {
 public:
  MBConv(const Stage& stage, std::int64_t in, std::int64_t stride, double skip, const Randomness& random)
      : residual_(stride == 1 && in == stage.out), skip_(skip), random_(random) {
    const std::int64_t wide = in * stage.expansion;
    block_ = std::make_shared<Layers>();
    if (wide != in) block_->add<ConvNormAct>(Convolution::Shape{in, wide, 1}, random);
    block_->add<ConvNormAct>(Convolution::Shape{wide, wide, stage.kernel, stride, wide}, random)
        .add<SqueezeExcitation>(wide, std::max<std::int64_t>(1, in / 4), random)
        .add<ConvNormAct>(Convolution::Shape{wide, stage.out, 1}, random, false);
    register_module("block", block_);
  }
  at::Tensor forward(const at::Tensor& x) override {
    at::Tensor y = block_->forward(x);
    if (!residual_) return y;
    if (is_training() && skip_ > 0) y = drop_out(y, {y.size(0), 1, 1, 1}, skip_, *random_);
    return y.add_(x);
  }

 private:
  std::shared_ptr<Layers> block_;
  bool residual_;
  double skip_;
  Randomness random_;
};

class EfficientNet : public BlockNetwork {
 public:
  EfficientNet(const std::vector<Stage>& stages, std::int64_t classes, const Randomness& randomness)
      : BlockNetwork(randomness) {
    auto features = std::make_shared<torch::nn::Module>();
    stem_ = features->register_module(
        "0", std::make_shared<ConvNormAct>(Convolution::Shape{3, stages.front().in, 3, 2}, random));
    int all = 0, at = 0;
    for (const Stage& stage : stages) all += stage.blocks;
    std::size_t name = 1;
    for (const Stage& stage : stages) {
      auto layer = std::make_shared<torch::nn::Module>();
      for (int i = 0; i < stage.blocks; ++i, ++at)
        blocks_.push_back(layer->register_module(
            std::to_string(i), std::make_shared<MBConv>(stage, i ? stage.out : stage.in, i ? 1 : stage.stride,
                                                        most_skipped * at / all, random)));
      features->register_module(std::to_string(name++), layer);
    }
    const std::int64_t in = stages.back().out, out = 4 * in;
    top_ = features->register_module(std::to_string(name),
                                     std::make_shared<ConvNormAct>(Convolution::Shape{in, out, 1}, random));
    register_module("features", features);
    classifier_ = std::make_shared<Layers>();
    classifier_->add<Dropout>(0.2, random)
        .add<Linear>(out, classes, 1 / std::sqrt(static_cast<double>(classes)), true, random);
    register_module("classifier", classifier_);
  }

 protected:
  at::Tensor before_blocks(const at::Tensor& x) override { return stem_->forward(x); }
  at::Tensor after_blocks(const at::Tensor& x) override {
    return at::adaptive_avg_pool2d(top_->forward(x), {1, 1}).flatten(1);
  }
  at::Tensor last_layer(const at::Tensor& x) override { return classifier_->forward(x); }

 private:
  static constexpr double most_skipped = 0.2;
  std::shared_ptr<Layer> stem_, top_;
  std::shared_ptr<Layers> classifier_;
};

}  // namespace

std::shared_ptr<BlockNetwork> make_efficientnet_b0(std::int64_t classes, const Randomness& random) {
  const std::vector<Stage> stages{{1, 3, 1, 32, 16, 1},  {6, 3, 2, 16, 24, 2},  {6, 5, 2, 24, 40, 2},
                                  {6, 3, 2, 40, 80, 3},  {6, 5, 1, 80, 112, 3}, {6, 5, 2, 112, 192, 4},
                                  {6, 3, 1, 192, 320, 1}};
  return std::make_shared<EfficientNet>(stages, classes, random);
}

}  // namespace flowrun::torch_nodes
