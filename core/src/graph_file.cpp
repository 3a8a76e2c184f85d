// SPDX-License-Identifier: Apache-2.0
#include "graph_file.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "yaml_value.h"

namespace flowrun {
namespace {

constexpr std::size_t longest_text = 64 * 1024;

const std::vector<std::string> graph_keys{"flowrun", "name",   "memory", "threads",
                                          "plugins", "params", "nodes"};

class Substitution {
 public:
  Substitution(const Value* params, const Settings& settings, const std::filesystem::path& folder,
               Diagnostics& diagnostics)
      : folder_(folder), diagnostics_(diagnostics) {
    if (params) declare(*params);
    for (const auto& [name, text] : settings) {
      if (!params_.contains(name)) {
        const auto place = params ? params->place : Place{};
        diagnostics.error(place, fmt::format("--set {}: the graph has no parameter '{}'", name, name),
                          params_.empty() ? "it has none: add `params:`" : nearest_name(name, names()));
        continue;
      }
      params_[name] = {text, std::filesystem::current_path()};
    }
  }

  /// Replaces ${name} and ${env:NAME} in every scalar below `value`; `$$` stands for one `$`.
  void apply(Value& value) const {
    for (Value& item : value.items) apply(item);
    for (auto& [key, entry] : value.entries) apply(entry);
    if (value.kind != Value::Kind::scalar) return;
    value.base = folder_;
    const std::size_t before = diagnostics_.all().size();
    value.text = expand(value.text, value.place, value.base);
    value.broken = diagnostics_.all().size() > before;
  }

 private:
  struct Param {
    std::string text;
    std::filesystem::path base;
    bool given = true;
  };

  void declare(const Value& params) {
    if (params.kind == Value::Kind::null) return;
    if (params.kind != Value::Kind::map)
      return diagnostics_.error(params.place, "'params' must be a map", "params: {name: value}");
    for (const auto& [key, value] : params.entries) {
      if (value.kind == Value::Kind::list || value.kind == Value::Kind::map) {
        diagnostics_.error(value.place, fmt::format("parameter '{}' must be a single value", key.text));
        continue;
      }
      Param param{{}, folder_, value.kind != Value::Kind::null};
      param.text = expand(value.text, value.place, param.base);
      params_[key.text] = param;
    }
  }

  std::string expand(const std::string& text, Place place, std::filesystem::path& base) const {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (out.size() > longest_text) {
        diagnostics_.error(place, fmt::format("more than {} bytes after substitution", longest_text));
        return {};
      }
      if (text[i] != '$' || i + 1 == text.size() || (text[i + 1] != '{' && text[i + 1] != '$')) {
        out += text[i];
        continue;
      }
      if (text[i + 1] == '$') {
        out += text[i++];
        continue;
      }
      const auto end = text.find('}', i);
      if (end == std::string::npos) {
        diagnostics_.error(place, fmt::format("'{}' has no closing brace", text.substr(i)), "${name}");
        return out;
      }
      const Param param = lookup(text.substr(i + 2, end - i - 2), place);
      if (i == 0) base = param.base;
      out += param.text;
      i = end;
    }
    return out;
  }

  Param lookup(const std::string& name, Place place) const {
    if (name.starts_with("env:")) {
      const char* value = std::getenv(name.c_str() + 4);
      if (!value)
        diagnostics_.error(place, fmt::format("environment variable '{}' is not set", name.substr(4)),
                           "set it, or use a parameter");
      return {value ? value : "", std::filesystem::current_path()};
    }
    const auto it = params_.find(name);
    if (it != params_.end()) {
      if (!it->second.given)
        diagnostics_.error(place, fmt::format("parameter '{}' has no value", name),
                           fmt::format("--set {}=...", name));
      return it->second;
    }
    diagnostics_.error(place, fmt::format("unknown parameter '{}'", name),
                       params_.empty() ? "the graph has no `params:`" : nearest_name(name, names()));
    return {"", folder_};
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& [name, param] : params_) out.push_back(name);
    return out;
  }

  std::filesystem::path folder_;
  Diagnostics& diagnostics_;
  std::map<std::string, Param> params_;
};

void check_version(const Value& root, Diagnostics& diagnostics) {
  const Value* version = root.find("flowrun");
  if (!version)
    diagnostics.error(root.place, "'flowrun' is missing: which version of the format is this?", "flowrun: 1");
  else if (version->text != "1")
    diagnostics.error(version->place, fmt::format("unknown format version '{}'", version->text),
                      "flowrun: 1");
}

void read_nodes(const Value* nodes, GraphFile& graph, Diagnostics& diagnostics, Place root) {
  if (!nodes || nodes->kind != Value::Kind::map || nodes->entries.empty())
    return diagnostics.error(nodes ? nodes->place : root, "the graph has no nodes",
                             "nodes: {slides: {type: read, path: slides}}");
  for (const auto& [key, body] : nodes->entries) {
    if (body.kind == Value::Kind::map)
      graph.nodes.push_back({key, body});
    else
      diagnostics.error(body.place, fmt::format("node '{}' must be a map", key.text),
                        fmt::format("{}: {{type: ..., from: ...}}", key.text));
  }
}

}  // namespace

GraphFile read_graph(const std::string& text, const std::filesystem::path& folder, const Settings& settings,
                     Diagnostics& diagnostics) {
  GraphFile graph;
  Value root = parse_yaml(text, diagnostics);
  if (!diagnostics.empty() && root.kind != Value::Kind::map) return graph;
  if (root.kind != Value::Kind::map) {
    diagnostics.error(root.place, "a graph file is a map", "flowrun: 1, name: ..., nodes: {...}");
    return graph;
  }
  for (const auto& [key, value] : root.entries)
    if (std::find(graph_keys.begin(), graph_keys.end(), key.text) == graph_keys.end())
      diagnostics.error(key.place, fmt::format("unknown key '{}'", key.text),
                        nearest_name(key.text, graph_keys));
  check_version(root, diagnostics);

  const Substitution substitution(root.find("params"), settings, folder, diagnostics);
  for (auto& [key, value] : root.entries)
    if (key.text != "params") substitution.apply(value);

  if (const Value* name = root.find("name")) graph.name = name->text;
  if (const Value* memory = root.find("memory")) graph.memory = *memory;
  if (const Value* threads = root.find("threads")) graph.threads = *threads;
  if (const Value* plugins = root.find("plugins")) {
    try {
      convert(*plugins, graph.plugin_folders);
    } catch (const Error& problem) {
      diagnostics.error(plugins->place, fmt::format("'plugins': {}", problem.what()), "plugins: [folder]");
    }
  }
  read_nodes(root.find("nodes"), graph, diagnostics, root.place);
  return graph;
}

}  // namespace flowrun
