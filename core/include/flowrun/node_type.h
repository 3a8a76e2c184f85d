// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/value.h>

#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace flowrun {

class Node;

/// A typed entrance of a node.
struct InputSpec {
  std::string name;
  std::string type;        ///< packet type, e.g. "wsi.tile/3"
  bool optional = false;   ///< may stay unconnected
  bool per_scope = false;  ///< one packet for the whole scope, seen by every call in it
  /// Of per_scope: what tells a payload from others, for packets of the run. Empty: nothing does.
  std::function<std::string(const void*)> identity = {};
};

/// A typed exit of a node; that of a node that opens scopes gives them their kind.
struct OutputSpec {
  std::string name;
  std::string type;
};

/// One option of a node: what the graph file may say, and how it reaches the node.
struct OptionSpec {
  std::string name;
  std::string type;
  std::string help;
  std::string default_text;
  std::vector<std::string> choices;  ///< empty: any
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool exclusive = false;  ///< `least` itself is not allowed
  bool required = false;
  bool output_folder = false;  ///< results go there: it is locked, journalled and cleaned up
  bool input_list = false;     ///< says which scopes there are, not what becomes of them
  std::function<void(Node&, const Value&)> set;  ///< see apply()

  /// The allowed values in words ("at least 0", "one of png, jpg"); empty when anything goes.
  std::string range() const;
  /// Sets the option of `node`, after it was checked against choices and range. Throws Error in words for the
  /// graph's author; ValueError when only a part of the value is wrong, OptionError with what would be right.
  void apply(Node& node, const Value& value) const;
};

/// What a node is: the class that it derives from.
enum class Role { map, write, gather, gather_scopes, make, open };
/// Its name in words: "gathers scopes".
const char* to_string(Role role);

/// Everything known of a node type without making one: the only source for checking graphs, for
/// `flowrun nodes` and for the generated pages.
struct NodeType {
  std::string name;
  std::string summary;
  std::string details;
  std::string example;  ///< a graph's `nodes:` entry that uses it
  std::string plugin;   ///< name and version of the plugin that it came from
  Role role = Role::map;
  std::vector<InputSpec> inputs;
  std::vector<OutputSpec> outputs;
  std::vector<OptionSpec> options;
  bool asks_bytes = false;  ///< of map: overrides bytes()
  bool finishes = false;    ///< overrides finish()
  bool finishes_run = false;
  bool serial = false;      ///< one call at a time
  bool resumes = false;     ///< of gather_scopes: knows by itself what done scopes gave
  bool successive = false;  ///< of open: a scope when the one before has ended
  std::function<std::unique_ptr<Node>()> create;

  /// What its calls give waits for its turn.
  bool acts() const { return role == Role::write || role == Role::gather_scopes; }
  /// What it emits is numbered by itself, not as its inputs are.
  bool renumbers() const { return role != Role::map; }
  const InputSpec* input(std::string_view port) const;
  const OutputSpec* output(std::string_view port) const;
  const OptionSpec* option(std::string_view option) const;
};

}  // namespace flowrun
