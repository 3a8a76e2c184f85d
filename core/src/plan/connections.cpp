// SPDX-License-Identifier: Apache-2.0
// What the `from` of a node, and of an entry that uses a file, says.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "plan/draft.h"

namespace flowrun {
namespace {

int only_input(const NodeType& type) {
  if (type.inputs.size() == 1) return 0;
  int only = -1;
  for (std::size_t i = 0; i < type.inputs.size(); ++i) {
    if (type.inputs[i].optional) continue;
    if (only >= 0) return -1;
    only = static_cast<int>(i);
  }
  return only;
}

}  // namespace

std::vector<std::string> input_names(const GraphFile& graph) {
  std::vector<std::string> out;
  for (const Value::Key& key : graph.inputs) out.push_back(key.text);
  return out;
}

void collect_connections(Draft& draft, Diagnostics& diagnostics) {
  const NodeType& type = *draft.node.type;
  const Value* from = draft.entry->body.find("from");
  if (!from) return;
  if (type.inputs.empty()) {
    diagnostics.error(from->place, fmt::format("'{}' has no input", type.name), "remove `from`");
  } else if (from->kind == Value::Kind::scalar) {
    const int input = only_input(type);
    if (input < 0)
      diagnostics.error(from->place, fmt::format("'{}' has several inputs; say which", type.name),
                        fmt::format("from: {{{}: ...}}", fmt::join(names_of(type.inputs), ": ..., ")));
    else
      draft.connections.push_back({input, from->text, from->place});
  } else if (from->kind == Value::Kind::map) {
    for (const auto& [port, source] : from->entries) {
      const InputSpec* input = type.input(port.text);
      if (!input)
        diagnostics.error(port.place, fmt::format("'{}' has no input '{}'", type.name, port.text),
                          nearest_name(port.text, names_of(type.inputs)));
      else if (source.kind != Value::Kind::scalar)
        diagnostics.error(source.place, fmt::format("input '{}' takes one output", port.text),
                          "node or node.port");
      else
        draft.connections.push_back(
            {static_cast<int>(input - type.inputs.data()), source.text, source.place});
    }
  } else {
    diagnostics.error(from->place,
                      fmt::format("'from' of node '{}': an input takes one output", draft.node.name),
                      "from: node, from: node.port, or from: {input: node.port}");
  }
}

void collect_connections(Level& level, const GraphFile::Use& use, Diagnostics& diagnostics) {
  const auto inputs = input_names(*level.graph);
  const std::string& file = level.graph->file;
  const Value* from = use.body.find("from");
  const auto take = [&](const Value::Key& input, const Value& source) {
    if (std::ranges::find(inputs, input.text) == inputs.end())
      diagnostics.error(input.place, fmt::format("{} has no input '{}'", file, input.text),
                        nearest_name(input.text, inputs));
    else if (source.kind != Value::Kind::scalar)
      diagnostics.error(source.place, fmt::format("input '{}' takes one output", input.text),
                        "node or node.port");
    else
      level.from[input.text] = {-1, source.text, source.place};
  };
  if (from && inputs.empty())
    return diagnostics.error(from->place, fmt::format("{} has no inputs", file), "remove `from`");
  if (from && from->kind == Value::Kind::map) {
    for (const auto& [input, source] : from->entries) take(input, source);
  } else if (from && inputs.size() > 1) {
    return diagnostics.error(from->place, fmt::format("{} has several inputs; say which", file),
                             fmt::format("from: {{{}: ...}}", fmt::join(inputs, ": ..., ")));
  } else if (from) {
    take({inputs.front(), from->place}, *from);
  }
  for (const std::string& input : inputs)
    if (!level.from.contains(input) && !(from && from->kind == Value::Kind::map && from->find(input)))
      diagnostics.error(use.name.place,
                        fmt::format("input '{}' of node '{}' is not connected", input, use.name.text),
                        fmt::format("from: {{{}: ...}}", input));
}

}  // namespace flowrun
