// SPDX-License-Identifier: Apache-2.0

#include <cmath>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "say.h"

namespace flowrun::cli {
namespace {

using Json = nlohmann::ordered_json;

/// A value that comes from a parameter or the environment: what it becomes is not known here.
const Json substituted{{"type", "string"}, {"pattern", R"(\$\{)"}};

Json any_of(std::vector<Json> schemas) {
  return Json{{"anyOf", std::move(schemas)}};
}

void add_range(Json& schema, const OptionSpec& option) {
  if (std::isfinite(option.least)) schema[option.exclusive ? "exclusiveMinimum" : "minimum"] = option.least;
  if (std::isfinite(option.most)) schema["maximum"] = option.most;
}

/// One value of an option's type; `type` is as OptionType names it.
Json single(const std::string& type, const OptionSpec& option) {
  Json schema;
  if (type == "bool") return Json{{"type", "boolean"}};
  if (type != "integer" && type != "number") return Json{{"type", {"string", "number", "boolean"}}};
  schema["type"] = type;
  add_range(schema, option);
  return schema;
}

Json schema_of(const OptionSpec& option) {
  const std::string list = "list of ", map = "map of ";
  std::vector<Json> allowed;
  if (option.type.starts_with(map)) {
    const Json item = any_of({single(option.type.substr(map.size()), option), substituted});
    allowed.push_back({{"type", "object"}, {"additionalProperties", item}});
  } else {
    const bool several = option.type.starts_with(list);
    const Json item = single(several ? option.type.substr(list.size()) : option.type, option);
    allowed.push_back(option.choices.empty() ? item : Json{{"enum", option.choices}});
    if (several) allowed.push_back({{"type", "array"}, {"items", any_of({item, substituted})}});
  }
  allowed.push_back(substituted);
  if (option.default_text == "none") allowed.push_back({{"type", "null"}});
  Json schema = any_of(std::move(allowed));
  std::string help = option.help;
  if (!option.range().empty()) help += " (" + option.range() + ")";
  schema["description"] = help;
  if (!option.required && option.default_text != "none")
    schema["description"] = help + "; default " + option.default_text;
  return schema;
}

/// `from` of a node: `node` or `node.port` where there is only one input that it can mean, else by name.
Json schema_of_from(const NodeType& type) {
  Json inputs = Json::object();
  std::vector<std::string> needed;
  for (const InputSpec& input : type.inputs) {
    inputs[input.name] = {{"type", "string"}, {"description", input.type}};
    if (!input.optional) needed.push_back(input.name);
  }
  std::vector<Json> allowed;
  if (type.inputs.size() == 1 || needed.size() == 1) allowed.push_back({{"type", "string"}});
  allowed.push_back(
      {{"type", "object"}, {"properties", inputs}, {"required", needed}, {"additionalProperties", false}});
  return any_of(std::move(allowed));
}

Json schema_of(const NodeType& type) {
  Json properties{{"type", {{"const", type.name}, {"description", type.summary}}},
                  {"workers", {{"$ref", "#/definitions/workers"}}},
                  {"on_error", {{"$ref", "#/definitions/on_error"}}}};
  std::vector<std::string> required{"type"};
  if (!type.inputs.empty()) properties["from"] = schema_of_from(type);
  for (const InputSpec& input : type.inputs)
    if (!input.optional && required.back() != "from") required.emplace_back("from");
  for (const OptionSpec& option : type.options) {
    properties[option.name] = schema_of(option);
    if (option.required) required.push_back(option.name);
  }
  return {{"properties", properties}, {"required", required}, {"additionalProperties", false}};
}

/// An entry of `nodes:`: what it may have depends on its type.
Json schema_of_node(const std::vector<const NodeType*>& types) {
  std::vector<std::string> names;
  std::vector<Json> by_type;
  for (const NodeType* type : types) {
    names.push_back(type->name);
    by_type.push_back({{"if", {{"properties", {{"type", {{"const", type->name}}}}}, {"required", {"type"}}}},
                       {"then", schema_of(*type)}});
  }
  return {{"type", "object"},
          {"properties",
           {{"type", {{"enum", names}, {"description", "node type"}}},
            {"use", {{"type", "string"}, {"description", "a graph file that stands for the node"}}}}},
          {"oneOf", {{{"required", {"type"}}}, {{"required", {"use"}}}}},
          {"allOf", by_type}};
}

Json schema_of_graph(const std::vector<const NodeType*>& types) {
  const Json parameter{{"type", {"string", "number", "boolean", "null"}}};
  const Json names{{"type", "array"}, {"items", {{"type", "string"}}}};
  return {
      {"$schema", "http://json-schema.org/draft-07/schema#"},
      {"title", "flowrun graph"},
      {"type", "object"},
      {"required", {"flowrun", "nodes"}},
      {"additionalProperties", false},
      {"properties",
       {{"flowrun", {{"const", 1}, {"description", "version of the format"}}},
        {"name", {{"type", "string"}, {"description", "of the graph, for the summary"}}},
        {"memory",
         {{"type", {"string", "integer"}}, {"description", "bytes that packets in flight may take: 1 GiB"}}},
        {"device_memory",
         {{"type", {"string", "integer"}},
          {"description", "of a GPU's own memory: bytes, or a share as 80 %; what is free"}}},
        {"threads", any_of({{{"type", "integer"}, {"minimum", 1}, {"maximum", 1024}}, substituted})},
        {"plugins", any_of({{{"type", "string"}}, names})},
        {"params", {{"type", {"object", "null"}}, {"additionalProperties", parameter}}},
        {"inputs", any_of({{{"type", "string"}}, names})},
        {"outputs", {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}}},
        {"nodes",
         {{"type", "object"},
          {"minProperties", 1},
          {"propertyNames", {{"pattern", "^[A-Za-z0-9_-]+$"}}},
          {"additionalProperties", {{"$ref", "#/definitions/node"}}}}}}},
      {"definitions",
       {{"workers",
         any_of({{{"type", "integer"}, {"minimum", 1}, {"description", "most calls at the same time"}},
                 substituted})},
        {"on_error",
         any_of({{{"enum", {"stop", "skip", "fail"}}, {"description", "what follows when a call throws"}},
                 substituted})},
        {"node", schema_of_node(types)}}}};
}

}  // namespace

int print_schema(Plugins& plugins) {
  const auto types = usable_nodes(plugins);
  print("{}\n", schema_of_graph(types.nodes).dump(2));
  return all_printed() && types.all ? 0 : 1;
}

}  // namespace flowrun::cli
