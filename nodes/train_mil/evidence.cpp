// SPDX-License-Identifier: Apache-2.0
#include "evidence.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>

namespace flowrun::torch_nodes {

void Evidence::Tiles::add(const at::Tensor& new_scores, const BagBlock& block, std::int64_t first,
                          std::int64_t most) {
  const auto [best, which] = new_scores.topk(std::min(most, new_scores.size(0)));
  at::Tensor all_scores = best, all_numbers = which + first, all_hidden = block.hidden.index_select(0, which);
  if (scores.defined()) {
    all_scores = at::cat({scores, all_scores});
    all_numbers = at::cat({numbers, all_numbers});
    all_hidden = at::cat({hidden, all_hidden});
  }
  const auto [kept, places] = all_scores.topk(std::min(most, all_scores.size(0)));
  scores = kept;
  numbers = all_numbers.index_select(0, places);
  hidden = all_hidden.index_select(0, places);
}

void Evidence::Tiles::add_gradients(at::Tensor& of_hidden, std::int64_t first) const {
  const at::Tensor here =
      numbers.ge(first).logical_and(numbers.lt(first + of_hidden.size(0))).nonzero().squeeze(1);
  of_hidden.index_add_(0, numbers.index_select(0, here) - first,
                       hidden.grad().index_select(0, here).to(at::kFloat));
}

void Evidence::add(const BagBlock& block, std::int64_t first) {
  const c10::NoGradGuard no_grad;
  highest_.add(block.scores, block, first, count_);
  lowest_.add(-block.scores, block, first, count_);
}

void Evidence::want_gradients() {
  highest_.hidden.requires_grad_();
  lowest_.hidden.requires_grad_();
}

void Evidence::add_gradients(at::Tensor& of_hidden, std::int64_t first) const {
  const c10::NoGradGuard no_grad;
  highest_.add_gradients(of_hidden, first);
  lowest_.add_gradients(of_hidden, first);
}

at::Tensor evidence_loss(const BagNetwork& network, std::int64_t label, std::int64_t classes, bool subtyping,
                         const at::Tensor& highest, const at::Tensor& lowest) {
  const auto targets = [&](std::int64_t ones, std::int64_t zeros) {
    return at::cat({at::ones({ones}, highest.options().dtype(at::kLong)),
                    at::zeros({zeros}, highest.options().dtype(at::kLong))});
  };
  at::Tensor loss = at::cross_entropy_loss(network.evidence(label, at::cat({highest, lowest})).to(at::kFloat),
                                           targets(highest.size(0), lowest.size(0)));
  if (!subtyping) return loss;
  for (std::int64_t other = 0; other < classes; ++other)
    if (other != label)
      loss = loss + at::cross_entropy_loss(network.evidence(other, highest).to(at::kFloat),
                                           targets(0, highest.size(0)));
  return loss / classes;
}

}  // namespace flowrun::torch_nodes
