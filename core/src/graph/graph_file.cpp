// SPDX-License-Identifier: Apache-2.0
#include "graph/graph_file.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

#include "graph/parameters.h"
#include "graph/yaml_value.h"

namespace flowrun {
namespace {

namespace fs = std::filesystem;

const std::vector<std::string> graph_keys{"flowrun", "name",   "memory", "device_memory", "threads",
                                          "plugins", "params", "inputs", "outputs",       "nodes"};

void check_version(const Value& root, Diagnostics& diagnostics) {
  const Value* version = root.find("flowrun");
  if (!version)
    diagnostics.error(root.place, "'flowrun' is missing: which version of the format is this?", "flowrun: 1");
  else if (version->text != "1")
    diagnostics.error(version->place, fmt::format("unknown format version '{}'", version->text),
                      "flowrun: 1");
}

/// Reads a file and those that it uses.
class GraphReader {
 public:
  explicit GraphReader(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  /// `number`: of the file in the diagnostics.
  GraphFile read(int number, const fs::path& path, const GivenParameters& given) {
    GraphFile graph;
    graph.file = diagnostics_.name(number);
    Value root = parse_yaml(diagnostics_.text(number), diagnostics_, number);
    if (root.kind != Value::Kind::map) {
      if (diagnostics_.empty() || number > 0)
        diagnostics_.error(root.place, "a graph file is a map", "flowrun: 1, name: ..., nodes: {...}");
      return graph;
    }
    for (const auto& [key, value] : root.entries)
      if (std::ranges::find(graph_keys, key.text) == graph_keys.end())
        diagnostics_.error(key.place, fmt::format("unknown key '{}'", key.text),
                           nearest_name(key.text, graph_keys));
    check_version(root, diagnostics_);

    const fs::path folder = fs::absolute(path).parent_path();
    const Parameters parameters(root.find("params"), given, graph.file, folder, root.place, diagnostics_);
    for (auto& [key, value] : root.entries)
      if (key.text != "params") parameters.substitute(value);

    if (const Value* name = root.find("name")) graph.name = name->text;
    if (const Value* memory = root.find("memory")) graph.memory = *memory;
    if (const Value* memory = root.find("device_memory")) graph.device_memory = *memory;
    if (const Value* threads = root.find("threads")) graph.threads = *threads;
    read_list(root.find("plugins"), "plugins", "plugins: [folder]", graph.plugin_folders);
    chain_.push_back(fs::weakly_canonical(path));
    read_nodes(root.find("nodes"), graph, root.place, folder);
    chain_.pop_back();
    read_ends(root, graph);
    return graph;
  }

 private:
  template <class T>
  void read_list(const Value* value, const char* key, const char* fix, std::vector<T>& out) {
    if (!value) return;
    try {
      convert(*value, out);
    } catch (const Error& problem) {
      diagnostics_.error(value->place, fmt::format("'{}': {}", key, problem.what()), fix);
    }
  }

  void read_nodes(const Value* nodes, GraphFile& graph, Place root, const fs::path& folder) {
    if (!nodes || nodes->kind != Value::Kind::map || nodes->entries.empty())
      return diagnostics_.error(nodes ? nodes->place : root, "the graph has no nodes",
                                "nodes: {slides: {type: read, path: slides}}");
    for (const auto& [key, body] : nodes->entries) {
      if (body.kind != Value::Kind::map)
        diagnostics_.error(body.place, fmt::format("node '{}' must be a map", key.text),
                           fmt::format("{}: {{type: ..., from: ...}}", key.text));
      else if (!body.find("use"))
        graph.nodes.push_back({key, body});
      else if (body.find("type"))
        diagnostics_.error(key.place, fmt::format("node '{}' has both `type` and `use`", key.text),
                           "`type` for a node of a plugin, `use` for another graph file");
      else
        read_use(graph, key, body, folder);
    }
  }

  void read_use(GraphFile& graph, const Value::Key& key, const Value& body, const fs::path& folder) {
    const Value& use = *body.find("use");
    if (use.broken) return;
    fs::path path;
    try {
      convert(use, path);
      const auto again = std::ranges::find(chain_, fs::weakly_canonical(path));
      if (again != chain_.end()) {
        std::vector<std::string> files;
        for (auto file = again; file != chain_.end(); ++file) files.push_back(file->filename().string());
        files.push_back(again->filename().string());
        throw Error(fmt::format("the file uses itself: {}", fmt::join(files, " -> ")));
      }
      const std::string text = read_graph_text(path);
      const std::string name = short_name(path, folder, diagnostics_.name(key.place.file));
      const int number = diagnostics_.add_file(name, text, key.place);
      auto used = std::make_unique<GraphFile>(read(number, path, given_in(body)));
      graph.plugin_folders.insert(graph.plugin_folders.end(), used->plugin_folders.begin(),
                                  used->plugin_folders.end());
      graph.uses.push_back({key, body, std::move(used)});
    } catch (const Error& problem) {
      diagnostics_.error(use.place, fmt::format("'use': {}", problem.what()), "use: other.yaml");
    }
  }

  /// The used file as the user would name it: relative as the using file is.
  static std::string short_name(const fs::path& path, const fs::path& folder, const fs::path& user) {
    const fs::path below = path.lexically_relative(folder);
    return user.is_absolute() || below.empty() ? path.string()
                                               : (user.parent_path() / below).lexically_normal().string();
  }

  /// The parameters that an entry gives to the file that it uses.
  GivenParameters given_in(const Value& body) {
    GivenParameters given;
    for (const auto& [key, value] : body.entries) {
      if (std::ranges::find(use_keys, key.text) != use_keys.end() || value.kind == Value::Kind::null)
        continue;
      if (value.kind == Value::Kind::scalar)
        given[key.text] = {value.text, value.base, key.place};
      else
        diagnostics_.error(value.place, fmt::format("parameter '{}' must be a single value", key.text),
                           fmt::format("{}: value", key.text));
    }
    return given;
  }

  /// `inputs` and `outputs` of a file.
  void read_ends(const Value& root, GraphFile& graph) {
    if (const Value* inputs = root.find("inputs")) {
      std::vector<std::string> names;
      read_list(inputs, "inputs", "inputs: [slide, mask]", names);
      for (std::size_t i = 0; i < names.size(); ++i) {
        const Place place = inputs->items.empty() ? inputs->place : inputs->items[i].place;
        if (std::ranges::count(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(i), names[i]) > 0)
          diagnostics_.error(place, fmt::format("input '{}' is given twice", names[i]));
        else if (std::ranges::any_of(graph.nodes, [&](auto& node) { return node.name.text == names[i]; }) ||
                 std::ranges::any_of(graph.uses, [&](auto& use) { return use.name.text == names[i]; }))
          diagnostics_.error(place, fmt::format("'{}' is a node and an input", names[i]), "another name");
        graph.inputs.push_back({names[i], place});
      }
      if (graph.inputs.size() > 0 && inputs->place.file == 0)
        diagnostics_.error(inputs->place, "a graph with inputs cannot run by itself",
                           "use it in another one: `use: " + fs::path(graph.file).filename().string() + "`");
    }
    const Value* outputs = root.find("outputs");
    if (!outputs) return;
    if (outputs->kind != Value::Kind::map)
      return diagnostics_.error(outputs->place, "'outputs' must be a map", "outputs: {name: node.port}");
    for (const auto& [key, value] : outputs->entries) {
      if (value.kind == Value::Kind::scalar)
        graph.outputs.push_back({key, value.text, value.place});
      else
        diagnostics_.error(value.place, fmt::format("output '{}' is one output of a node", key.text),
                           "node or node.port");
    }
  }

  Diagnostics& diagnostics_;
  std::vector<fs::path> chain_;  // the files being read, each used by the one before it
};

}  // namespace

std::string read_graph_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  if (in && !fs::is_directory(file)) text << in.rdbuf();
  if (!in || fs::is_directory(file))
    throw Error(fmt::format("cannot read the graph file {}{}", file.string(),
                            fs::exists(file) ? "" : ": there is no such file"));
  return text.str();
}

GraphFile read_graph(const fs::path& file, const Settings& settings, Diagnostics& diagnostics) {
  GivenParameters given;
  for (const auto& [name, text] : settings) given[name] = {text, fs::current_path(), {}};
  return GraphReader(diagnostics).read(0, file, given);
}

}  // namespace flowrun
