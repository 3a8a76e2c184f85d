// SPDX-License-Identifier: Apache-2.0
#include "layers.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "autocast.h"
#include "joint_batch_norm.h"
#include "random_source.h"

namespace flowrun::torch_nodes {
namespace {

thread_local bool computing_again = false;

constexpr double epsilon = 1e-5;  // of batch normalisation

struct ComputingAgain {
  ComputingAgain() : before(std::exchange(computing_again, true)) {}
  ~ComputingAgain() { computing_again = before; }
  bool before;
};

}  // namespace

at::Tensor Layers::forward(const at::Tensor& x) {
  at::Tensor y = x;
  for (const auto& layer : layers_) y = layer->forward(y);
  return y;
}

Convolution::Convolution(const Shape& shape, const Randomness& random) : shape_(shape) {
  weight_ = register_parameter("weight",
                               at::empty({shape.out, shape.in / shape.groups, shape.kernel, shape.kernel}));
  const auto fan_out = static_cast<double>(shape.out * shape.kernel * shape.kernel);
  const c10::NoGradGuard no_grad;
  weight_.normal_(0, std::sqrt(2.0) / std::sqrt(fan_out), random->on(at::kCPU));
  if (shape.bias) bias_ = register_parameter("bias", at::zeros({shape.out}));
}

at::Tensor Convolution::forward(const at::Tensor& x) {
  const std::int64_t padding = (shape_.kernel - 1) / 2;
  if (!weight_.is_mkldnn()) return at::conv2d(x, weight_, bias_, shape_.stride, padding, 1, shape_.groups);
  return at::mkldnn_convolution(x, weight_, bias_, {padding, padding}, {shape_.stride, shape_.stride}, {1, 1},
                                shape_.groups);
}

void Convolution::pack(c10::ScalarType type) {
  const c10::NoGradGuard no_grad;
  const std::int64_t padding = (shape_.kernel - 1) / 2;
  // Not set_data(), which keeps the kind of tensor.
  parameters_["weight"] = weight_ = at::mkldnn_reorder_conv2d_weight(
      weight_.to_mkldnn(type), {padding, padding}, {shape_.stride, shape_.stride}, {1, 1}, shape_.groups);
}

void Convolution::scale(const at::Tensor& factors, const at::Tensor& shifts) {
  const c10::NoGradGuard no_grad;
  weight_.copy_(weight_.to(at::kDouble) * factors.reshape({-1, 1, 1, 1}));
  if (bias_.defined())
    bias_.copy_(bias_.to(at::kDouble) * factors + shifts);
  else
    bias_ = register_parameter("bias", shifts.to(at::kFloat));
}

BatchNorm::BatchNorm(std::int64_t channels) {
  weight_ = register_parameter("weight", at::ones({channels}));
  bias_ = register_parameter("bias", at::zeros({channels}));
  mean_ = register_buffer("running_mean", at::zeros({channels}));
  variance_ = register_buffer("running_var", at::ones({channels}));
  batches_ = register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
}

at::Tensor BatchNorm::forward(const at::Tensor& x) {
  if (folded_) return x;
  constexpr double momentum = 0.1;
  const bool is_joint = is_training() && ranks_;
  if (is_training() && !is_joint && x.numel() == x.size(1))
    throw Error("batch normalisation expected more than 1 value per channel when training");
  const bool tracks = !(is_training() && computing_again);
  if (is_training() && tracks) batches_.add_(1);
  const at::Tensor mean = tracks ? mean_ : at::Tensor(), variance = tracks ? variance_ : at::Tensor();
  if (is_joint) return JointBatchNorm{ranks_, momentum, epsilon}(x, weight_, bias_, mean, variance);
  return at::batch_norm(x, weight_, bias_, mean, variance, is_training(), momentum, epsilon, true);
}

void BatchNorm::fold_into(Convolution& before) {
  const c10::NoGradGuard no_grad;
  const at::Tensor factors = weight_.to(at::kDouble) / (variance_.to(at::kDouble) + epsilon).sqrt();
  before.scale(factors, bias_.to(at::kDouble) - mean_.to(at::kDouble) * factors);
  folded_ = true;
}

Linear::Linear(std::int64_t in, std::int64_t out, double bound, bool zero_bias, const Randomness& random) {
  const auto drawn = [&](at::IntArrayRef sizes) {
    return at::empty(sizes).uniform_(-bound, bound, random->on(at::kCPU));
  };
  weight_ = register_parameter("weight", drawn({out, in}));
  bias_ = register_parameter("bias", zero_bias ? at::zeros({out}) : drawn({out}));
}

at::Tensor Linear::forward(const at::Tensor& x) {
  return at::linear(x, weight_, bias_);
}

at::Tensor Silu::forward(const at::Tensor& x) {
  return at::silu(x);
}

at::Tensor Dropout::forward(const at::Tensor& x) {
  return is_training() ? drop_out(x, x.sizes(), share_, *random_) : x;
}

at::Tensor BlockNetwork::features(const at::Tensor& x) {
  at::Tensor y = before_blocks(packed_ ? x.to_mkldnn(*packed_) : x);
  for (const auto& block : blocks_)
    y = checkpointed && is_training() ? checkpoint(block, y, random) : block->forward(y);
  return after_blocks(packed_ ? y.to_dense(at::kFloat) : y);
}

void BlockNetwork::pack(c10::ScalarType type) {
  for (const auto& module : modules())
    if (auto* const convolution = dynamic_cast<Convolution*>(module.get())) convolution->pack(type);
  packed_ = type;
}

void BlockNetwork::join_batch_norms(const std::shared_ptr<Ranks>& ranks) {
  for (const auto& module : modules())
    if (auto* const norm = dynamic_cast<BatchNorm*>(module.get())) norm->join(ranks);
}

void BlockNetwork::fold_batch_norms() {
  Convolution* before = nullptr;  // each is registered right behind its convolution
  for (const auto& module : modules()) {
    if (auto* const norm = dynamic_cast<BatchNorm*>(module.get()); norm && before) norm->fold_into(*before);
    before = dynamic_cast<Convolution*>(module.get());
  }
}

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Checkpointed : torch::autograd::Function<Checkpointed> {
  struct Kept {
    std::shared_ptr<Layer> block;
    Randomness random;
    NamedTensors then;  // where its random numbers stood
    Autocast::Setting precision;
  };

  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, std::shared_ptr<Kept> kept) {
    context->save_for_backward({x});
    context->saved_data["kept"] = c10::IValue::make_capsule(c10::make_intrusive<Holder>(kept));
    c10::NoGradGuard no_grad;
    return kept->block->forward(x);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto kept = context->saved_data["kept"].toCapsule();
    const Kept& with = *static_cast<Holder&>(*kept).kept;
    const at::Tensor x = context->get_saved_variables().front().detach().requires_grad_();
    const c10::AutoGradMode with_grad(true);
    const RestoredRandom random(*with.random, with.then);
    at::Tensor y;
    {
      const ComputingAgain again;
      const Autocast precision(with.precision);
      y = with.block->forward(x);
    }
    torch::autograd::backward({y}, {gradients.front()});
    return {x.grad(), at::Tensor()};
  }

  struct Holder : torch::CustomClassHolder {
    explicit Holder(std::shared_ptr<Kept> kept) : kept(std::move(kept)) {}
    std::shared_ptr<Kept> kept;
  };
};

}  // namespace

at::Tensor checkpoint(const std::shared_ptr<Layer>& block, const at::Tensor& x, const Randomness& random) {
  // Without a gradient to pass on autograd would not come back for the block's own.
  if (!c10::GradMode::is_enabled() || !x.requires_grad()) return block->forward(x);
  return Checkpointed::apply(x, std::make_shared<Checkpointed::Kept>(Checkpointed::Kept{
                                    block, random, random->state(), Autocast::setting(x.device())}));
}

at::Tensor drop_out(const at::Tensor& x, at::IntArrayRef shape, double share, RandomSource& random) {
  const double kept = 1 - share;
  return x * at::empty(shape, x.options()).bernoulli_(kept, random.on(x.device())).div_(kept);
}

}  // namespace flowrun::torch_nodes
