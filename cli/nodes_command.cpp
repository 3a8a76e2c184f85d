// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "commands.h"
#include "say.h"

namespace flowrun::cli {
namespace {

void print_port(const char* direction, const std::string& name, const std::string& type,
                const std::string& remark) {
  print("  {:<7} {:<14} {}{}\n", direction, name, type, remark.empty() ? "" : " (" + remark + ")");
}

std::vector<std::string> remarks_on(const InputSpec& input) {
  std::vector<std::string> remarks;
  if (input.optional) remarks.emplace_back("optional");
  if (input.per_scope) remarks.emplace_back("one per scope");
  return remarks;
}

std::string remark_on(const NodeType& type) {
  return type.role == Role::open ? "each opens a scope" : "";
}

void print_node(const NodeType& type) {
  print("{}: {}\n{}\nfrom plugin {}\n{}\nports\n", type.name, type.summary,
        type.details.empty() ? "" : "\n" + type.details + "\n", type.plugin,
        type.example.empty() ? "" : "\nexample\n  " + type.example + "\n");
  for (const InputSpec& input : type.inputs)
    print_port("input", input.name, input.type, fmt::format("{}", fmt::join(remarks_on(input), ", ")));
  for (const OutputSpec& output : type.outputs)
    print_port("output", output.name, output.type, remark_on(type));
  if (!type.options.empty()) print("\noptions\n");
  for (const OptionSpec& option : type.options) {
    const std::string value =
        option.required ? "required"
                        : "default " + (option.default_text.empty() ? "empty" : option.default_text);
    print("  {:<14} {}, {}{}\n                 {}\n", option.name, option.type, value,
          option.range().empty() ? "" : ", " + option.range(), option.help);
  }
}

/// Text in a page: `<slide>` is no tag, and `|` ends no cell.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '<' || c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string code(const std::string& name) {
  return "`" + name + "`";
}

std::string row(const std::vector<std::string>& cells) {
  return fmt::format("| {} |\n", fmt::join(cells, " | "));
}

/// The page docs/nodes/TYPE.md.
void print_page(const NodeType& type) {
  print("# {}\n\n{}\n\n", type.name, escaped(type.summary));
  if (!type.details.empty()) print("{}\n\n", escaped(type.details));
  print("In plugin {}.\n\n", code(type.plugin.substr(0, type.plugin.find(' '))));
  if (!type.example.empty()) print("```yaml\n{}\n```\n\n", type.example);

  print("## Ports\n\n{}{}", row({"port", "direction", "packets", "remark"}),
        row({"---", "---", "---", "---"}));
  for (const InputSpec& input : type.inputs)
    print("{}", row({code(input.name), "input", code(input.type),
                     fmt::format("{}", fmt::join(remarks_on(input), ", "))}));
  for (const OutputSpec& output : type.outputs)
    print("{}", row({code(output.name), "output", code(output.type), remark_on(type)}));

  if (type.options.empty()) return;
  print("\n## Options\n\n{}{}", row({"option", "type", "default", "allowed", "meaning"}),
        row({"---", "---", "---", "---", "---"}));
  for (const OptionSpec& option : type.options)
    print("{}",
          row({code(option.name), option.type, option.required ? "required" : escaped(option.default_text),
               escaped(option.range()), escaped(option.help)}));
}

nlohmann::ordered_json json_of(const NodeType& type) {
  using Json = nlohmann::ordered_json;
  Json out{{"name", type.name},       {"summary", type.summary}, {"details", type.details},
           {"example", type.example}, {"plugin", type.plugin},   {"role", to_string(type.role)},
           {"serial", type.serial},   {"inputs", Json::array()}, {"outputs", Json::array()},
           {"options", Json::array()}};
  for (const InputSpec& input : type.inputs)
    out["inputs"].push_back({{"name", input.name},
                             {"type", input.type},
                             {"optional", input.optional},
                             {"per_scope", input.per_scope}});
  for (const OutputSpec& output : type.outputs)
    out["outputs"].push_back(
        {{"name", output.name}, {"type", output.type}, {"opens_scope", type.role == Role::open}});
  for (const OptionSpec& option : type.options)
    out["options"].push_back({{"name", option.name},
                              {"type", option.type},
                              {"default", option.required ? Json() : Json(option.default_text)},
                              {"required", option.required},
                              {"allowed", option.range()},
                              {"help", option.help}});
  return out;
}

}  // namespace

UsableNodes usable_nodes(Plugins& plugins) {
  UsableNodes out;
  const auto refuse = [&](const std::string& why) {
    say("refused: {}\n", why);
    out.all = false;
  };
  for (const PluginFile& file : plugins.files())
    if (!file.problem.empty()) refuse(file.problem);
  for (const std::string& name : plugins.node_names()) try {
      out.nodes.push_back(plugins.node(name));
    } catch (const Error& problem) {
      refuse(name + ": " + problem.what());
    }
  return out;
}

int print_nodes(Plugins& plugins, const std::string& wanted, NodesAs as) {
  if (wanted.empty()) {
    const UsableNodes usable = usable_nodes(plugins);
    auto json = nlohmann::ordered_json::array();
    for (const NodeType* type : usable.nodes) {
      if (as == NodesAs::json)
        json.push_back(json_of(*type));
      else
        print("{:<14} {} [{}]\n", type->name, type->summary, type->plugin);
    }
    if (as == NodesAs::json) print("{}\n", json.dump(2));
    return all_printed() && usable.all ? 0 : 1;
  }
  const NodeType* type = plugins.node(wanted);
  if (!type) {
    say("error: unknown node type '{}'; {}\n", wanted, nearest_name(wanted, plugins.node_names()));
    return 2;
  }
  if (as == NodesAs::json)
    print("{}\n", json_of(*type).dump(2));
  else if (as == NodesAs::markdown)
    print_page(*type);
  else
    print_node(*type);
  return all_printed() ? 0 : 1;
}

}  // namespace flowrun::cli
