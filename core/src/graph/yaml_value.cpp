// SPDX-License-Identifier: Apache-2.0
#include "graph/yaml_value.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <string>
#include <unordered_map>
#include <vector>

namespace flowrun {
namespace {

constexpr std::size_t most_values = 100'000;
constexpr std::size_t most_bytes = 16 << 20;
constexpr int most_depth = 100;  // an alias of itself has no end

Place place_of(const YAML::Mark& mark, int file) {
  return mark.is_null() ? Place{1, 1, file} : Place{mark.line + 1, mark.column + 1, file};
}

/// What may be behind the parser's words.
std::string hint_for(const YAML::Exception& problem, const std::string& text) {
  if (problem.msg.find("flow not found") != std::string::npos) return "a { or [ before it is not closed";
  if (text.find("\n\t") != std::string::npos) return "YAML is indented by blanks, not by tabs";
  return {};
}

class YamlReader {
 public:
  YamlReader(Diagnostics& diagnostics, int file) : diagnostics_(diagnostics), file_(file) {}

  Value read(const YAML::Node& node) {
    if (++count_ > most_values)
      throw YAML::ParserException(node.Mark(), fmt::format("more than {} values", most_values));
    if (depth_ > most_depth)
      throw YAML::ParserException(node.Mark(), fmt::format("nested more than {} deep", most_depth));
    ++depth_;
    Value value;
    value.place = place_of(node.Mark(), file_);
    if (node.IsScalar()) {
      value.kind = Value::Kind::scalar;
      if ((bytes_ += node.Scalar().size()) > most_bytes)
        throw YAML::ParserException(node.Mark(), "aliases make the file too large");
      value.text = node.Scalar();
    } else if (node.IsSequence()) {
      value.kind = Value::Kind::list;
      for (const YAML::Node& item : node) value.items.push_back(read(item));
    } else if (node.IsMap()) {
      value.kind = Value::Kind::map;
      std::unordered_map<std::string, int> lines;  // where each key was given
      for (const auto& entry : node) read_entry(value, lines, entry.first, entry.second);
    }
    --depth_;
    return value;
  }

 private:
  void read_entry(Value& map, std::unordered_map<std::string, int>& lines, const YAML::Node& key,
                  const YAML::Node& node) {
    const Place place = place_of(key.Mark(), file_);
    if (!key.IsScalar() || key.Scalar() == "<<") {
      map.broken = true;
      return diagnostics_.error(
          place, key.IsScalar() ? "merge keys (<<) are not supported" : "a key must be a plain text",
          key.IsScalar() ? "write the keys out" : "name: value");
    }
    const auto [earlier, is_new] = lines.emplace(key.Scalar(), place.line);
    if (!is_new)
      return diagnostics_.error(place, fmt::format("'{}' is given twice", key.Scalar()),
                                fmt::format("first given in line {}", earlier->second));
    map.entries.emplace_back(Value::Key{key.Scalar(), place}, read(node));
  }

  Diagnostics& diagnostics_;
  int file_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  int depth_ = 0;
};

}  // namespace

Value parse_yaml(const std::string& text, Diagnostics& diagnostics, int file) {
  Value nothing;
  nothing.place.file = file;
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1)
      diagnostics.error(place_of(documents[1].Mark(), file), "a second document; a graph file has one",
                        "a file for each graph");
    return documents.empty() ? nothing : YamlReader(diagnostics, file).read(documents.front());
  } catch (const YAML::Exception& problem) {
    diagnostics.error(place_of(problem.mark, file), "not valid YAML: " + problem.msg,
                      hint_for(problem, text));
    return nothing;
  }
}

}  // namespace flowrun
