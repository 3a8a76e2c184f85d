// SPDX-License-Identifier: Apache-2.0
#include "pickle_stack.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "pickled_tensor.h"

namespace flowrun::torch_nodes {
namespace {

constexpr std::size_t most_values = 300'000;  // of up to 200 bytes: on the stack, kept, or containers
constexpr int most_depth = 1000;

}  // namespace

void PickleStack::check_count() const {
  if (stack_.size() + memory_.size() + containers_ > most_values)
    throw broken_pickle(fmt::format("it has more than {} values", most_values));
}

void PickleStack::push(PickleItem item) {
  stack_.push_back(std::move(item));
  check_count();
}

void PickleStack::push_container(c10::IValue value) {
  ++containers_;
  push({.value = std::move(value), .depth = std::make_shared<int>(0)});
}

PickleItem PickleStack::pop() {
  PickleItem out = std::move(top());
  stack_.pop_back();
  return out;
}

PickleItem& PickleStack::top() {
  if (stack_.empty()) throw broken_pickle("a value is missing");
  return stack_.back();
}

PickleStack::Items PickleStack::pop_to_mark() {
  const auto mark = std::find_if(stack_.rbegin(), stack_.rend(), [](const PickleItem& i) { return i.mark; });
  if (mark == stack_.rend()) throw broken_pickle("a mark is missing");
  Items out(std::make_move_iterator(mark.base()), std::make_move_iterator(stack_.end()));
  stack_.erase(mark.base() - 1, stack_.end());
  return out;
}

PickleStack::Items PickleStack::pop_last(std::size_t count) {
  Items out(count);
  for (auto it = out.rbegin(); it != out.rend(); ++it) *it = pop();
  return out;
}

void PickleStack::begin_change(const Items& items) {
  // Reference counts would never free what lies within itself.
  if (top().complete) throw broken_pickle("a value that changes after its use");
  for (const PickleItem& item : items)
    if (item.depth) *top().depth = std::max(*top().depth, *item.depth + 1);
  if (*top().depth > most_depth) throw broken_pickle("values too deep within each other");
}

void PickleStack::memorise(std::size_t key) {
  memory_[key] = {top(), stack_.size() - 1};
  check_count();
}

void PickleStack::recall(std::size_t key) {
  const auto found = memory_.find(key);
  if (found == memory_.end()) throw broken_pickle("a value that was not kept");
  auto& [item, place] = found->second;
  // From here on it may lie within something, so it must not change, also where it was made.
  item.complete = true;
  if (item.depth && place < stack_.size() && stack_[place].depth == item.depth) stack_[place].complete = true;
  push(item);
}

}  // namespace flowrun::torch_nodes
