// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "plan.h"

namespace flowrun {
namespace {

nlohmann::json to_json(const Value& value) {
  nlohmann::json out;
  switch (value.kind) {
    case Value::Kind::null:
      break;
    case Value::Kind::scalar:
      out = value.text;
      break;
    case Value::Kind::list:
      out = nlohmann::json::array();
      for (const Value& item : value.items) out.push_back(to_json(item));
      break;
    case Value::Kind::map:
      out = nlohmann::json::object();
      for (const auto& [key, entry] : value.entries) out[key.text] = to_json(entry);
      break;
  }
  return out;
}

/// A node on its way into the plan: what its entry says and whether it is fit to be planned.
struct Draft {
  const GraphFile::NodeEntry* entry;
  PlanNode node;
  struct Connection {
    int input;
    std::string from;  ///< "node" or "node.port"
    Place place;
  };
  std::vector<Connection> connections;
  std::vector<int> upstream;
};

class Resolver {
 public:
  Resolver(Plugins& plugins, Plan& plan, Diagnostics& diagnostics)
      : plugins_(plugins), plan_(plan), diagnostics_(diagnostics) {}

  void run(const GraphFile& graph) {
    for (const GraphFile::NodeEntry& entry : graph.nodes) add(entry);
    for (Draft& draft : drafts_)
      if (draft.node.type) connect(draft);
    order();
  }

 private:
  const Value& body(const Draft& draft) const { return draft.entry->body; }

  void add(const GraphFile::NodeEntry& entry) {
    Draft& draft = drafts_.emplace_back();
    draft.entry = &entry;
    draft.node.name = entry.name.text;
    draft.node.place = entry.name.place;
    check_name(entry.name);
    draft.node.type = find_type(entry);
    read_runtime_keys(draft);
    if (!draft.node.type) return;
    if (!create(draft)) return;
    draft.node.from.resize(draft.node.type->inputs.size());
    draft.node.to.resize(draft.node.type->outputs.size());
    set_options(draft);
    collect_connections(draft);
  }

  bool create(Draft& draft) {
    std::string why = "what is no std::exception";
    try {
      draft.node.node = draft.node.type->create();
      return true;
    } catch (const std::exception& problem) {
      why = problem.what();
    } catch (...) {
    }
    diagnostics_.error(body(draft).find("type")->place,
                       fmt::format("node type '{}' of plugin {}: its constructor threw: {}",
                                   draft.node.type->name, draft.node.type->plugin, why),
                       "a mistake of its plugin");
    draft.node.type = nullptr;
    return false;
  }

  void check_name(const Value::Key& name) {
    const bool fit = !name.text.empty() &&
                     std::all_of(name.text.begin(), name.text.end(),
                                 [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
    if (!fit)
      diagnostics_.error(name.place, fmt::format("'{}' is no name for a node", name.text),
                         "letters, digits, _ and -");
  }

  const NodeType* find_type(const GraphFile::NodeEntry& entry) {
    const Value* type = entry.body.find("type");
    if (!type || type->kind != Value::Kind::scalar) {
      diagnostics_.error(type ? type->place : entry.name.place,
                         fmt::format("node '{}' has no type", entry.name.text),
                         fmt::format("type: {}", nearest_name(entry.name.text, plugins_.node_names())));
      return nullptr;
    }
    try {
      if (const NodeType* found = plugins_.node(type->text)) return found;
      std::string fix = nearest_name(type->text, plugins_.node_names());
      if (fix.empty()) fix = fmt::format("no plugins in {}", fmt::join(folder_names(), ", "));
      for (const PluginFile& file : plugins_.files())
        if (!file.problem.empty()) fix += fmt::format("; refused: {}", file.problem);
      diagnostics_.error(type->place, fmt::format("unknown node type '{}'", type->text), fix);
    } catch (const Error& problem) {
      diagnostics_.error(type->place, fmt::format("node type '{}': {}", type->text, problem.what()));
    }
    return nullptr;
  }

  std::vector<std::string> folder_names() const {
    std::vector<std::string> out;
    for (const auto& folder : plugins_.folders()) out.push_back(folder.string());
    return out;
  }

  void read_runtime_keys(Draft& draft) {
    if (const Value* workers = body(draft).find("workers")) {
      try {
        convert(*workers, draft.node.workers);
        if (draft.node.workers < 1)
          throw Error(fmt::format("expected at least 1, found {}", draft.node.workers));
      } catch (const Error& problem) {
        diagnostics_.error(workers->place, fmt::format("'workers': {}", problem.what()),
                           "a positive integer");
      }
    }
    if (const Value* on_error = body(draft).find("on_error")) {
      const std::vector<std::string> names{"stop", "skip", "fail"};
      const auto it = std::find(names.begin(), names.end(), on_error->text);
      if (it == names.end())
        diagnostics_.error(on_error->place, fmt::format("'on_error': unknown policy '{}'", on_error->text),
                           nearest_name(on_error->text, names));
      else
        draft.node.on_error = static_cast<OnError>(it - names.begin());
    }
  }

  void set_options(Draft& draft) {
    const NodeType& type = *draft.node.type;
    std::vector<std::string> known = names_of(type.options);
    known.insert(known.end(), runtime_keys.begin(), runtime_keys.end());
    draft.node.options = nlohmann::json::object();
    for (const auto& [key, value] : body(draft).entries) {
      draft.node.option_places[key.text] = value.place;
      if (const OptionSpec* option = type.option(key.text)) {
        set_option(draft, *option, value);
      } else if (std::find(runtime_keys.begin(), runtime_keys.end(), key.text) == runtime_keys.end()) {
        diagnostics_.error(key.place, fmt::format("'{}' has no option '{}'", type.name, key.text),
                           nearest_name(key.text, known));
      }
    }
    for (const OptionSpec& option : type.options)
      if (option.required && !body(draft).find(option.name))
        diagnostics_.error(draft.node.place,
                           fmt::format("node '{}' needs the option '{}'", draft.node.name, option.name),
                           fmt::format("{}: {} ({})", option.name, option.help, option.type));
  }

  void set_option(Draft& draft, const OptionSpec& option, const Value& value) {
    if (broken(value)) return;
    try {
      option.apply(*draft.node.node, value);
      if (option.output_folder) {
        std::filesystem::path folder;
        convert(value, folder);
        plan_.output_folders.push_back(folder);
      } else if (!option.input_list) {
        draft.node.options[option.name] = to_json(value);
      }
    } catch (const OptionError& problem) {
      diagnostics_.error(value.place, fmt::format("'{}': {}", option.name, problem.what()), problem.fix);
    } catch (const Error& problem) {
      const auto* part = dynamic_cast<const ValueError*>(&problem);
      diagnostics_.error(part ? part->place : value.place,
                         fmt::format("'{}': {}", option.name, problem.what()),
                         option.range().empty() ? option.help : option.range());
    }
  }

  static bool broken(const Value& value) {
    return value.broken || std::any_of(value.items.begin(), value.items.end(), broken) ||
           std::any_of(value.entries.begin(), value.entries.end(),
                       [](const auto& entry) { return broken(entry.second); });
  }

  void collect_connections(Draft& draft) {
    const NodeType& type = *draft.node.type;
    const Value* from = body(draft).find("from");
    if (!from) return;
    if (type.inputs.empty()) {
      diagnostics_.error(from->place, fmt::format("'{}' has no input", type.name), "remove `from`");
    } else if (from->kind == Value::Kind::scalar) {
      const int input = only_input(type);
      if (input < 0)
        diagnostics_.error(from->place, fmt::format("'{}' has several inputs; say which", type.name),
                           fmt::format("from: {{{}: ...}}", fmt::join(names_of(type.inputs), ": ..., ")));
      else
        draft.connections.push_back({input, from->text, from->place});
    } else if (from->kind == Value::Kind::map) {
      for (const auto& [port, source] : from->entries) connect_port(draft, port, source);
    } else {
      diagnostics_.error(from->place,
                         fmt::format("'from' of node '{}': an input takes one output", draft.node.name),
                         "from: node, from: node.port, or from: {input: node.port}");
    }
  }

  void connect_port(Draft& draft, const Value::Key& port, const Value& source) {
    const NodeType& type = *draft.node.type;
    const InputSpec* input = type.input(port.text);
    if (!input)
      diagnostics_.error(port.place, fmt::format("'{}' has no input '{}'", type.name, port.text),
                         nearest_name(port.text, names_of(type.inputs)));
    else if (source.kind != Value::Kind::scalar)
      diagnostics_.error(source.place, fmt::format("input '{}' takes one output", port.text),
                         "node or node.port");
    else
      draft.connections.push_back({static_cast<int>(input - type.inputs.data()), source.text, source.place});
  }

  static int only_input(const NodeType& type) {
    if (type.inputs.size() == 1) return 0;
    int only = -1;
    for (std::size_t i = 0; i < type.inputs.size(); ++i) {
      if (type.inputs[i].optional) continue;
      if (only >= 0) return -1;
      only = static_cast<int>(i);
    }
    return only;
  }

  void connect(Draft& draft) {
    for (const Draft::Connection& connection : draft.connections) {
      const auto dot = connection.from.find('.');
      const std::string name = connection.from.substr(0, dot);
      const auto source =
          std::find_if(drafts_.begin(), drafts_.end(), [&](const Draft& d) { return d.node.name == name; });
      if (source == drafts_.end()) {
        std::vector<std::string> names;
        for (const Draft& d : drafts_)
          if (&d != &draft) names.push_back(d.node.name);
        diagnostics_.error(connection.place, fmt::format("there is no node '{}'", name),
                           nearest_name(name, names));
      } else if (source->node.type) {
        const std::string port = dot == std::string::npos ? "" : connection.from.substr(dot + 1);
        connect(draft, connection, *source, port);
      }
    }
    for (std::size_t i = 0; i < draft.node.from.size(); ++i) {
      const InputSpec& input = draft.node.type->inputs[i];
      const bool tried = std::any_of(draft.connections.begin(), draft.connections.end(),
                                     [&](auto& c) { return c.input == static_cast<int>(i); });
      if (!input.optional && !tried && !body_has_bad_from(draft))
        diagnostics_.error(
            draft.node.place,
            fmt::format("input '{}' of node '{}' is not connected", input.name, draft.node.name),
            draft.node.from.size() == 1
                ? "from: <a node with output " + input.type + ">"
                : fmt::format("from: {{{}: <a node with output {}>}}", input.name, input.type));
    }
  }

  /// `from` is there but could not be read: that has been said.
  bool body_has_bad_from(const Draft& draft) const {
    return body(draft).find("from") && draft.connections.empty();
  }

  void connect(Draft& draft, const Draft::Connection& connection, Draft& source, const std::string& port) {
    const auto& outputs = source.node.type->outputs;
    const InputSpec& input = draft.node.type->inputs[static_cast<std::size_t>(connection.input)];
    const OutputSpec* output =
        port.empty() && outputs.size() == 1 ? &outputs.front() : source.node.type->output(port);
    if (outputs.empty()) {
      diagnostics_.error(connection.place, fmt::format("node '{}' has no output", source.node.name));
    } else if (port.empty() && outputs.size() > 1) {
      diagnostics_.error(connection.place,
                         fmt::format("node '{}' has several outputs; say which", source.node.name),
                         fmt::format("{}.{}", source.node.name, fmt::join(names_of(outputs), " or .")));
    } else if (!output) {
      diagnostics_.error(connection.place,
                         fmt::format("node '{}' has no output '{}'", source.node.name, port),
                         nearest_name(port, names_of(outputs)));
    } else if (output->type != input.type) {
      diagnostics_.error(connection.place,
                         fmt::format("'{}' gives {}, but input '{}' takes {}", connection.from, output->type,
                                     input.name, input.type));
    } else {
      draft.node.from[static_cast<std::size_t>(connection.input)] = {
          static_cast<int>(&source - drafts_.data()), static_cast<int>(output - outputs.data())};
      draft.upstream.push_back(static_cast<int>(&source - drafts_.data()));
    }
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
          plan_.nodes[static_cast<std::size_t>(from.node)].to[static_cast<std::size_t>(from.port)].push_back(
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

  Plugins& plugins_;
  Plan& plan_;
  Diagnostics& diagnostics_;
  std::vector<Draft> drafts_;
};

void assign_scopes(Plan& plan, Diagnostics& diagnostics) {
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    PlanNode& node = plan.nodes[i];
    bool first = true;
    for (std::size_t input = 0; input < node.from.size(); ++input) {
      const PortRef from = node.from[input];
      if (from.node < 0) continue;
      const PlanNode& source = plan.nodes[static_cast<std::size_t>(from.node)];
      const bool opens = source.type->outputs[static_cast<std::size_t>(from.port)].opens_scope;
      const int opener = opens ? from.node : source.opener;
      if (!first && opener != node.opener)
        diagnostics.error(node.place,
                          fmt::format("the inputs of node '{}' belong to different sources", node.name),
                          "take all of them from nodes behind the same source");
      node.opener = opener;
      first = false;
    }
    if (node.opener >= 0 && plan.nodes[static_cast<std::size_t>(node.opener)].opener >= 0)
      diagnostics.error(node.place, "scopes within scopes of a source are not supported",
                        "open them from the run");
  }
}

void note_unused_outputs(Plan& plan) {
  for (const PlanNode& node : plan.nodes)
    for (std::size_t port = 0; port < node.to.size(); ++port)
      if (node.to[port].empty())
        plan.notes.push_back(
            fmt::format("output '{}' of node '{}' is not used", node.type->outputs[port].name, node.name));
}

void mark_tombstones(Plan& plan) {
  for (auto node = plan.nodes.rbegin(); node != plan.nodes.rend(); ++node) {
    int streams = 0;
    for (std::size_t i = 0; i < node->from.size(); ++i)
      streams += node->from[i].node >= 0 && !node->type->inputs[i].per_scope;
    node->wants_tombstones = streams > 1 || node->type->ordered || node->type->in_order || node->type->source;
    for (const auto& targets : node->to)
      for (const PortRef& target : targets)
        node->wants_tombstones |= plan.nodes[static_cast<std::size_t>(target.node)].wants_tombstones;
  }
}

}  // namespace

void resolve_nodes(const GraphFile& graph, Plugins& plugins, Plan& plan, Diagnostics& diagnostics) {
  Resolver(plugins, plan, diagnostics).run(graph);
  if (!diagnostics.empty()) return;
  assign_scopes(plan, diagnostics);
  note_unused_outputs(plan);
  mark_tombstones(plan);
}

}  // namespace flowrun
