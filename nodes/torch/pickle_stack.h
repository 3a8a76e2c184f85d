// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/ivalue.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace flowrun::torch_nodes {

/// A value, or the name of a class or function ("torch._utils _rebuild_tensor_v2"), or a mark.
struct PickleItem {
  c10::IValue value;
  std::string global = {};
  bool mark = false;
  bool complete = false;                 // a list or dict that nothing is added to any more
  std::shared_ptr<int> depth = nullptr;  // of what is within it, known to all copies; null: nothing is
};

/// What a pickle's instructions work on: a stack of values, and those that are kept by number. Throws Error
/// (broken_pickle) when there is none, when one comes to lie within itself or too deep within others, which
/// is freed by recursion, and when there are more than any real file has.
class PickleStack {
 public:
  using Items = std::vector<PickleItem>;

  void push(PickleItem item);
  /// An empty list, dict or tuple.
  void push_container(c10::IValue value);
  PickleItem pop();
  PickleItem& top();
  Items pop_to_mark();
  Items pop_last(std::size_t count);
  /// Before the items are put into the container on top: that is not in use anywhere.
  void begin_change(const Items& items);

  /// Keeps what is on top.
  void memorise(std::size_t key);
  void recall(std::size_t key);

 private:
  void check_count() const;

  Items stack_;
  std::map<std::size_t, std::pair<PickleItem, std::size_t>> memory_;  // with its place on the stack
  std::size_t containers_ = 0;
};

}  // namespace flowrun::torch_nodes
