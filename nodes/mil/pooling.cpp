// SPDX-License-Identifier: Apache-2.0
#include "pooling.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

namespace flowrun::torch_nodes {

at::Tensor pooled(const BagModel& model, const BagBlock& bag) {
  const at::Tensor hidden = bag.hidden.to(at::kFloat);
  if (model.attends()) return at::softmax(bag.scores, 0).unsqueeze(0).matmul(hidden);
  return model.kind == "mean" ? hidden.mean(0, true) : std::get<0>(hidden.max(0, true));
}

void Pooling::add(const BagBlock& block) {
  const c10::NoGradGuard no_grad;
  const at::Tensor hidden = block.hidden.to(at::kFloat);
  const bool first = tiles_ == 0;
  if (model_.attends()) {  // the softmax over what has come so far (Milakov and Gimelshein 2018)
    const at::Tensor highest = first ? block.scores.max() : at::maximum(highest_, block.scores.max());
    const at::Tensor weights = at::exp(block.scores - highest);
    const at::Tensor vector = weights.unsqueeze(0).matmul(hidden);
    const at::Tensor shrink = first ? at::zeros_like(highest) : at::exp(highest_ - highest);
    sum_ = first ? weights.sum() : sum_ * shrink + weights.sum();
    vector_ = first ? vector : vector_ * shrink + vector;
    highest_ = highest;
  } else if (model_.kind == "mean") {
    vector_ = first ? hidden.sum(0, true) : vector_ + hidden.sum(0, true);
  } else {
    const auto [values, tiles] = hidden.max(0, true);
    const at::Tensor higher = first ? at::ones_like(values, at::kBool) : values > vector_;
    from_ = first ? tiles : at::where(higher, tiles + tiles_, from_);
    vector_ = first ? values : at::where(higher, values, vector_);
  }
  tiles_ += hidden.size(0);
}

at::Tensor Pooling::pooled() const {
  if (model_.attends()) return vector_ / sum_;
  return model_.kind == "mean" ? vector_ / tiles_ : vector_;
}

at::Tensor Pooling::attention(const at::Tensor& scores) const {
  return at::exp(scores - highest_) / sum_;
}

BagBlock Pooling::gradients(const BagBlock& block, const at::Tensor& gradient, std::int64_t first) const {
  const c10::NoGradGuard no_grad;
  const std::int64_t tiles = block.hidden.size(0);
  BagBlock out;
  if (model_.attends()) {
    const at::Tensor weights = attention(block.scores);
    out.hidden = weights.unsqueeze(1) * gradient;
    const at::Tensor along = block.hidden.to(at::kFloat).matmul(gradient.squeeze(0));
    out.scores = weights * (along - (pooled() * gradient).sum());
  } else if (model_.kind == "mean") {
    out.hidden = (gradient / tiles_).expand({tiles, gradient.size(1)}).contiguous();
  } else {
    const at::Tensor here = from_.ge(first).logical_and(from_.lt(first + tiles));
    out.hidden = at::zeros({tiles, gradient.size(1)}, gradient.options());
    out.hidden.scatter_(0, (from_ - first).clamp(0, tiles - 1),
                        at::where(here, gradient, at::zeros_like(gradient)));
  }
  return out;
}

}  // namespace flowrun::torch_nodes
