// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/ivalue.h>
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "pickled_tensor.h"

namespace flowrun::torch_nodes {

/// How deep what a tuple, list, dict or object holds is nested. Whatever refers to that shares it.
struct Nesting {
  int depth = 0;
  bool held = false;  ///< by another
};

/// On the stack of a pickle: a value, or the name of a class or function ("torch._utils _rebuild_tensor_v2"),
/// or a mark.
struct PickleItem {
  c10::IValue value;
  std::string global = {};
  bool mark = false;
  std::shared_ptr<Nesting> nesting = {};  ///< of tuples, lists, dicts and objects
};

/// Checkpoints nest less than 10 deep; values are destroyed by as many nested calls as they are deep.
constexpr int deepest_pickle = 100;

/// Before the items become part of `holder`. Throws Error when they are too deep, or when another value holds
/// `holder` already: Python completes a value first, and one that still grew would make depths wrong or hold
/// itself.
inline void hold(const std::vector<PickleItem>& items, Nesting& holder) {
  for (const PickleItem& item : items) {
    if (!item.nesting) continue;
    item.nesting->held = true;
    holder.depth = std::max(holder.depth, item.nesting->depth + 1);
  }
  if (holder.held) throw broken_pickle("a value grows after another value holds it");
  if (holder.depth > deepest_pickle)
    throw broken_pickle(fmt::format("values are nested more than {} deep", deepest_pickle));
}

}  // namespace flowrun::torch_nodes
