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
  std::string type;        ///< packet type, e.g. "wsi.tile/2"
  bool optional = false;   ///< may stay unconnected
  bool per_scope = false;  ///< one packet for the whole scope, seen by every call in it
  /// Of per_scope: what tells a payload from others, for packets of the run. Empty: nothing does.
  std::function<std::string(const void*)> identity = {};
};

/// A typed exit of a node.
struct OutputSpec {
  std::string name;
  std::string type;
  bool opens_scope = false;  ///< each packet opens a scope of its own, called after the port
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

/// Everything known of a node type without making one: the only source for checking graphs, for
/// `flowrun nodes` and for the generated pages.
struct NodeType {
  std::string name;
  std::string summary;
  std::string details;
  std::string example;  ///< a graph's `nodes:` entry that uses it
  std::string plugin;   ///< name and version of the plugin that it came from
  std::vector<InputSpec> inputs;
  std::vector<OutputSpec> outputs;
  std::vector<OptionSpec> options;
  bool ordered = false;         ///< gets its packets by index within the scope, one at a time
  bool in_order = false;        ///< uses Outputs::in_order
  bool gathers = false;         ///< emits packets of its own numbering, made of several
  bool serial = false;          ///< one call at a time
  bool gathers_scopes = false;  ///< what it emits at the end belongs to the run
  bool resumes = false;         ///< of gathers_scopes: knows by itself what done scopes gave
  bool successive = false;      ///< opens a scope when the one before has ended
  bool source = false;          ///< makes packets by a Generator
  bool leases = false;          ///< asks for bytes of its own before each call (Node::bytes)
  std::function<std::unique_ptr<Node>()> create;

  /// The packets that it emits have numbers of their own, not those of its inputs.
  bool renumbers() const { return gathers || gathers_scopes || source; }
  /// Its packets open scopes.
  bool opens_scopes() const { return !outputs.empty() && outputs.front().opens_scope; }
  const InputSpec* input(std::string_view port) const;
  const OutputSpec* output(std::string_view port) const;
  const OptionSpec* option(std::string_view option) const;
};

}  // namespace flowrun
