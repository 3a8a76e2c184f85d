// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "plan/draft.h"

namespace flowrun {
namespace {

std::vector<std::string> ends_of(const std::vector<GraphFile::Output>& outputs) {
  std::vector<std::string> out;
  for (const GraphFile::Output& output : outputs) out.push_back(output.name.text);
  return out;
}

/// An output of a node that a `from` means, maybe through several files.
struct Source {
  Draft* draft = nullptr;
  std::string port;  ///< empty: its only one
  std::string from;  ///< as written
  Place place;
  const Level* level = nullptr;  ///< the file that it is written in
};

class Connector {
 public:
  Connector(Drafts& drafts, Plan& plan, Diagnostics& diagnostics)
      : drafts_(drafts.nodes), levels_(drafts.levels), plan_(plan), diagnostics_(diagnostics) {}

  void run() {
    for (Draft& draft : drafts_)
      if (draft.node.type) connect(draft);
    for (const Level& level : levels_) check_outputs(level);
    order();
  }

 private:
  void connect(Draft& draft) {
    for (const Connection& connection : draft.connections)
      if (const auto source = find(connection.from, connection.place, *draft.level, draft.entry))
        if (source->draft->node.type) connect(draft, connection, *source);
    for (std::size_t i = 0; i < draft.node.from.size(); ++i) {
      const InputSpec& input = draft.node.type->inputs[i];
      const bool tried = std::any_of(draft.connections.begin(), draft.connections.end(),
                                     [&](auto& c) { return c.input == static_cast<int>(i); });
      if (!input.optional && !tried && !has_bad_from(draft))
        diagnostics_.error(
            draft.node.place,
            fmt::format("input '{}' of node '{}' is not connected", input.name, draft.node.name),
            draft.node.from.size() == 1
                ? "from: <a node with output " + input.type + ">"
                : fmt::format("from: {{{}: <a node with output {}>}}", input.name, input.type));
    }
  }

  /// `from` is there but could not be read: that has been said.
  static bool has_bad_from(const Draft& draft) {
    return draft.entry->body.find("from") && draft.connections.empty();
  }

  /// What `from` means in a file. Says what is wrong and gives nothing when it means none. `asker`: the node
  /// that asks, which cannot be meant.
  std::optional<Source> find(const std::string& from, Place place, const Level& level,
                             const GraphFile::NodeEntry* asker) {
    const auto dot = from.find('.');
    const std::string name = from.substr(0, dot);
    const std::string port = dot == std::string::npos ? "" : from.substr(dot + 1);
    const auto inputs = input_names(*level.graph);
    if (std::ranges::find(inputs, name) != inputs.end()) return find_input(name, port, place, level);
    if (const auto use = level.uses.find(name); use != level.uses.end())
      return find_output(from, port, place, *use->second, level);
    std::vector<std::string> names;
    for (Draft& draft : drafts_) {
      if (draft.level != &level) continue;
      if (draft.entry->name.text == name) return Source{&draft, port, from, place, &level};
      if (draft.entry != asker) names.push_back(draft.entry->name.text);
    }
    names.insert(names.end(), inputs.begin(), inputs.end());
    for (const auto& [use, used] : level.uses) names.push_back(use);
    diagnostics_.error(place, fmt::format("there is no node '{}'", name), nearest_name(name, names));
    return {};
  }

  /// What an input of a file takes, where the file is used.
  std::optional<Source> find_input(const std::string& name, const std::string& port, Place place,
                                   const Level& level) {
    if (!port.empty()) {
      diagnostics_.error(place, fmt::format("input '{}' of the file has no output '{}'", name, port),
                         fmt::format("from: {}", name));
      return {};
    }
    const auto connection = level.from.find(name);
    if (!level.outer || connection == level.from.end()) return {};  // has been said
    if (++depth_ > most_hops) {
      diagnostics_.error(connection->second.place,
                         fmt::format("'{}' leads back to itself", connection->second.from),
                         "a graph has no cycles: cut one `from`");
      return depth_ = 0, std::nullopt;
    }
    auto source = find(connection->second.from, connection->second.place, *level.outer, nullptr);
    depth_ = 0;
    return source;
  }

  /// What an output of a used file is. `from`, `place`, `level`: where it is asked for.
  std::optional<Source> find_output(const std::string& from, const std::string& port, Place place,
                                    const Level& used, const Level& level) {
    const auto& outputs = used.graph->outputs;
    const std::string& file = used.graph->file;
    const auto output = port.empty() && outputs.size() == 1
                            ? outputs.begin()
                            : std::ranges::find_if(outputs, [&](auto& o) { return o.name.text == port; });
    if (outputs.empty()) {
      diagnostics_.error(place, fmt::format("{} has no outputs", file),
                         "outputs: {name: node.port} in that file");
    } else if (port.empty() && outputs.size() > 1) {
      diagnostics_.error(place, fmt::format("{} has several outputs; say which", file),
                         fmt::format("{}.{}", from, fmt::join(ends_of(outputs), " or .")));
    } else if (output == outputs.end()) {
      diagnostics_.error(place, fmt::format("{} has no output '{}'", file, port),
                         nearest_name(port, ends_of(outputs)));
    } else if (auto source = find(output->from, output->place, used, nullptr)) {
      // A port that is not there is the used file's mistake, packets of another type are the asker's.
      if (!has_port(*source)) return source;
      source->from = from;
      source->place = place;
      source->level = &level;
      return source;
    }
    return {};
  }

  static bool has_port(const Source& source) {
    const NodeType* type = source.draft->node.type;
    return !type || (source.port.empty() ? type->outputs.size() == 1 : type->output(source.port) != nullptr);
  }

  /// Outputs of used files that nobody takes must be right, too.
  void check_outputs(const Level& level) {
    for (const GraphFile::Output& output : level.graph->outputs)
      if (const auto source = find(output.from, output.place, level, nullptr); source && !has_port(*source))
        output_of(*source);
  }

  /// The output of the source's node that is meant; null when it has none, which is said then.
  const OutputSpec* output_of(const Source& source) {
    const auto& outputs = source.draft->node.type->outputs;
    const std::string& name = source.draft->node.name;
    if (outputs.empty()) {
      diagnostics_.error(source.place, fmt::format("node '{}' has no output", name),
                         fmt::format("take from a node before '{}'", source.draft->entry->name.text));
    } else if (source.port.empty() && outputs.size() > 1) {
      diagnostics_.error(source.place, fmt::format("node '{}' has several outputs; say which", name),
                         fmt::format("{}.{}", name, fmt::join(names_of(outputs), " or .")));
    } else if (source.port.empty()) {
      return &outputs.front();
    } else if (const OutputSpec* output = source.draft->node.type->output(source.port)) {
      return output;
    } else {
      diagnostics_.error(source.place, fmt::format("node '{}' has no output '{}'", name, source.port),
                         nearest_name(source.port, names_of(outputs)));
    }
    return nullptr;
  }

  /// The outputs in a file that carry packets of a type, in words.
  std::string who_gives(const std::string& type, const Level* level) const {
    std::vector<std::string> names;
    for (const Draft& draft : drafts_) {
      if (draft.level != level || !draft.node.type) continue;
      for (const OutputSpec& output : draft.node.type->outputs)
        if (output.type == type)
          names.push_back(draft.entry->name.text +
                          (draft.node.type->outputs.size() > 1 ? "." + output.name : ""));
    }
    return names.empty() ? fmt::format("no node here gives {}", type)
                         : fmt::format("{} comes from {}", type, fmt::join(names, ", "));
  }

  void connect(Draft& draft, const Connection& connection, const Source& source) {
    const OutputSpec* output = output_of(source);
    if (!output) return;
    const InputSpec& input = draft.node.type->inputs[static_cast<std::size_t>(connection.input)];
    if (output->type != input.type) {
      const bool elsewhere = source.place.file != connection.place.file;
      diagnostics_.error(
          source.place,
          fmt::format("'{}' gives {}, but input '{}'{} takes {}", source.from, output->type, input.name,
                      elsewhere ? " of node '" + draft.node.name + "'" : "", input.type),
          who_gives(input.type, source.level));
      return;
    }
    const int number = static_cast<int>(source.draft - drafts_.data());
    draft.node.from[static_cast<std::size_t>(connection.input)] = {
        number, static_cast<int>(output - source.draft->node.type->outputs.data())};
    draft.upstream.push_back(number);
  }

  /// Moves the drafts into the plan, each after all that it takes from; what is left over is in a cycle.
  void order() {
    std::vector<int> place_in_plan(drafts_.size(), -1);
    for (bool moved = true; moved;) {
      moved = false;
      for (std::size_t i = 0; i < drafts_.size(); ++i) {
        Draft& draft = drafts_[i];
        const bool ready =
            place_in_plan[i] < 0 && std::all_of(draft.upstream.begin(), draft.upstream.end(), [&](int u) {
              return place_in_plan[static_cast<std::size_t>(u)] >= 0;
            });
        if (!ready) continue;
        const int here = place_in_plan[i] = static_cast<int>(plan_.nodes.size());
        for (std::size_t input = 0; input < draft.node.from.size(); ++input) {
          PortRef& from = draft.node.from[input];
          if (from.node < 0) continue;
          from.node = place_in_plan[static_cast<std::size_t>(from.node)];
          plan_.at(from.node).to[static_cast<std::size_t>(from.port)].push_back(
              {here, static_cast<int>(input)});
        }
        plan_.nodes.push_back(std::move(draft.node));
        moved = true;
      }
    }
    for (std::size_t i = 0; i < drafts_.size(); ++i)
      if (place_in_plan[i] < 0)
        diagnostics_.error(
            drafts_[i].entry->name.place,
            fmt::format("node '{}' is part of a cycle, or fed by one", drafts_[i].entry->name.text),
            "a graph has no cycles: cut one `from`");
  }

  static constexpr int most_hops = 200;  // through files, for one `from`

  std::vector<Draft>& drafts_;
  const std::deque<Level>& levels_;
  Plan& plan_;
  Diagnostics& diagnostics_;
  int depth_ = 0;
};

}  // namespace

void connect_drafts(Drafts& drafts, Plan& plan, Diagnostics& diagnostics) {
  Connector(drafts, plan, diagnostics).run();
}

}  // namespace flowrun
