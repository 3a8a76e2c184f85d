// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "plan/draft.h"

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

class Resolver {
 public:
  Resolver(Plugins& plugins, Plan& plan, Diagnostics& diagnostics)
      : plugins_(plugins), plan_(plan), diagnostics_(diagnostics) {}

  void run(const GraphFile& graph) {
    add(drafts_.levels.emplace_back(Level{&graph}));
    connect_drafts(drafts_, plan_, diagnostics_);
  }

 private:
  const Value& body(const Draft& draft) const { return draft.entry->body; }

  void add(Level& level) {
    for (const GraphFile::NodeEntry& entry : level.graph->nodes) add(level, entry);
    for (const GraphFile::Use& use : level.graph->uses) {
      check_name(use.name);
      Level& used =
          drafts_.levels.emplace_back(Level{use.graph.get(), &level, level.prefix + use.name.text + "/"});
      level.uses[use.name.text] = &used;
      collect_connections(used, use, diagnostics_);
      add(used);
    }
  }

  void add(const Level& level, const GraphFile::NodeEntry& entry) {
    Draft& draft = drafts_.nodes.emplace_back();
    draft.entry = &entry;
    draft.level = &level;
    draft.node.name = level.prefix + entry.name.text;
    draft.node.place = entry.name.place;
    check_name(entry.name);
    draft.node.type = find_type(entry);
    read_runtime_keys(draft);
    if (!draft.node.type) return;
    if (!create(draft)) return;
    draft.node.from.resize(draft.node.type->inputs.size());
    draft.node.outer.resize(draft.node.type->inputs.size());
    draft.node.to.resize(draft.node.type->outputs.size());
    set_options(draft);
    collect_connections(draft, diagnostics_);
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
      const auto near = near_name(entry.name.text, plugins_.node_names());
      if (type || !entry.body.broken)
        diagnostics_.error(type ? type->place : entry.name.place,
                           fmt::format("node '{}' has no type", entry.name.text),
                           near ? "type: " + *near : "type: one of those that `flowrun nodes` lists");
      return nullptr;
    }
    try {
      if (const NodeType* found = plugins_.node(type->text)) return found;
      const auto near = near_name(type->text, plugins_.node_names());
      std::string fix =
          near ? fmt::format("did you mean '{}'?", *near) : "`flowrun nodes` lists those that there are";
      if (plugins_.node_names().empty())
        fix = fmt::format("no plugins in {}", fmt::join(folder_names(), ", "));
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
      if (option.required && !body(draft).broken && !body(draft).find(option.name))
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
        draft.node.output_folders.push_back(folder);
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

  Plugins& plugins_;
  Plan& plan_;
  Diagnostics& diagnostics_;
  Drafts drafts_;
};

void note_unused_outputs(Plan& plan) {
  for (const PlanNode& node : plan.nodes)
    for (std::size_t port = 0; port < node.to.size(); ++port)
      if (node.to[port].empty())
        plan.notes.push_back(
            fmt::format("output '{}' of node '{}' is not used", node.type->outputs[port].name, node.name));
}

void mark_tombstones(Plan& plan) {
  for (auto node = plan.nodes.rbegin(); node != plan.nodes.rend(); ++node) {
    node->wants_tombstones = node->streams() > 1 || node->type->role != Role::map || node->type->asks_bytes;
    for (const auto& targets : node->to)
      for (const PortRef& target : targets) node->wants_tombstones |= plan.at(target.node).wants_tombstones;
  }
}

}  // namespace

void resolve_nodes(const GraphFile& graph, Plugins& plugins, Plan& plan, Diagnostics& diagnostics) {
  Resolver(plugins, plan, diagnostics).run(graph);
  if (!diagnostics.empty()) return;
  note_unused_outputs(plan);
  mark_tombstones(plan);
}

}  // namespace flowrun
