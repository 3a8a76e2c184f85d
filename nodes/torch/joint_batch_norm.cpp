// SPDX-License-Identifier: Apache-2.0
#include "joint_batch_norm.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <torch/csrc/autograd/custom_function.h>

#include <vector>

#include "ranks.h"

namespace flowrun::torch_nodes {
namespace {

using torch::autograd::AutogradContext;

std::vector<std::int64_t> all_but_channels(const at::Tensor& x) {
  std::vector<std::int64_t> out{0};
  for (std::int64_t dimension = 2; dimension < x.dim(); ++dimension) out.push_back(dimension);
  return out;
}

/// By channel, as `x` can be multiplied with it.
at::Tensor along(const at::Tensor& by_channel, const at::Tensor& x) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(x.dim()), 1);
  sizes[1] = -1;
  return by_channel.to(x.device(), at::kFloat).reshape(sizes);
}

double values_a_channel(const at::Tensor& x) {
  return static_cast<double>(x.numel() / x.size(1));
}

/// In double precision, on the host.
at::Tensor sum_by_channel(const at::Tensor& x) {
  return x.sum(all_but_channels(x), false, at::kDouble).cpu();
}

/// Of all ranks: sums by channel, and the number of values a channel.
struct Sums {
  at::Tensor first, second;
  double count;

  Sums(const at::Tensor& one, const at::Tensor& other, double values, Ranks& ranks) {
    const at::Tensor all = at::cat({at::full({1}, values, at::kDouble), one, other});
    ranks.sum({all});
    count = all[0].item<double>();
    first = all.narrow(0, 1, one.numel());
    second = all.narrow(0, 1 + one.numel(), one.numel());
  }
};

class Normalise : public torch::autograd::Function<Normalise> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given, const at::Tensor& weight,
                            const at::Tensor& bias, const at::Tensor& running_mean,
                            const at::Tensor& running_variance, const JointBatchNorm& how) {
    const at::Tensor x = given.to(at::kFloat);
    const double values = values_a_channel(x);
    const at::Tensor sum = sum_by_channel(x);
    // About a value near the mean: in single precision squares of large numbers do not tell their variance.
    const at::Tensor centre = (sum / values).to(at::kFloat).to(at::kDouble);
    const at::Tensor squares =
        sum_by_channel((x - along(centre, x)).square()) + centre * (2 * sum - values * centre);
    const Sums sums(sum, squares, values, *how.ranks);
    if (sums.count == 1)
      throw Error("batch normalisation expected more than 1 value per channel when training");
    const at::Tensor mean = sums.first / sums.count;
    const at::Tensor variance = (sums.second / sums.count - mean.square()).clamp_min(0);
    if (running_mean.defined()) {
      running_mean.lerp_(mean.to(running_mean), how.momentum);
      running_variance.lerp_((variance * (sums.count / (sums.count - 1))).to(running_variance), how.momentum);
    }
    const at::Tensor centred = x - along(mean, x);
    const at::Tensor inverse = (variance + how.epsilon).rsqrt();
    context->save_for_backward({centred, weight, inverse});
    context->saved_data["ranks"] = reinterpret_cast<std::int64_t>(how.ranks.get());
    context->saved_data["type"] = given.scalar_type();
    return (centred * along(weight.cpu().to(at::kDouble) * inverse, x) + along(bias, x))
        .to(given.scalar_type());
  }

  static std::vector<at::Tensor> backward(AutogradContext* context, std::vector<at::Tensor> gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &centred = saved[0], &weight = saved[1], &inverse = saved[2];
    auto& ranks = *reinterpret_cast<Ranks*>(context->saved_data["ranks"].toInt());
    const at::Tensor gradient = gradients[0].to(at::kFloat);
    const at::Tensor sum = sum_by_channel(gradient), of_products = sum_by_channel(gradient * centred);
    const Sums sums(sum, of_products, values_a_channel(centred), ranks);
    const at::Tensor of_x = (gradient - along(sums.first / sums.count, centred) -
                             centred * along(sums.second / sums.count * inverse.square(), centred)) *
                            along(weight.cpu().to(at::kDouble) * inverse, centred);
    // Those of weight and bias are of this rank's samples, as all ranks' are added up like all others.
    return {of_x.to(context->saved_data["type"].toScalarType()),
            (of_products * inverse).to(weight),
            sum.to(weight),
            {},
            {},
            {}};
  }
};

}  // namespace

at::Tensor JointBatchNorm::operator()(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                      const at::Tensor& mean, const at::Tensor& variance) const {
  return Normalise::apply(x, weight, bias, mean, variance, *this);
}

}  // namespace flowrun::torch_nodes
