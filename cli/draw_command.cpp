// SPDX-License-Identifier: Apache-2.0
#include <flowrun/bytes.h>
#include <fmt/format.h>

#include "commands.h"
#include "other_program.h"
#include "report/html.h"
#include "say.h"

namespace flowrun::cli {
namespace {

template <class Ports>
std::string row_of(const Ports& ports, const char* direction, const char* colour) {
  if (ports.empty()) return {};
  std::string cells;
  for (std::size_t i = 0; i < ports.size(); ++i)
    cells +=
        fmt::format(R"(<td port="{}{}" bgcolor="{}">{}</td>)", direction, i, colour, escaped(ports[i].name));
  return fmt::format(
      R"(<tr><td cellpadding="0" border="0"><table border="0" cellborder="0" cellspacing="2"><tr>{}</tr></table></td></tr>)",
      cells);
}

/// A box: inputs above, name and type, outputs below.
std::string node_in_dot(const Plan& plan, std::size_t number) {
  const PlanNode& node = plan.nodes[number];
  std::string middle = fmt::format("<b>{}</b><br/>{}", escaped(node.name), escaped(node.type->name));
  if (node.slots > 0) middle += fmt::format("<br/>leases up to {} a packet", format_bytes(node.lease));
  return fmt::format(
      "  n{} [label=<<table border=\"1\" cellborder=\"0\" cellspacing=\"0\" color=\"#555555\" "
      "style=\"rounded\">"
      "{}<tr><td>{}</td></tr>{}</table>>];\n",
      number, row_of(node.type->inputs, "i", "#dce9f5"), middle, row_of(node.type->outputs, "o", "#e5f2dc"));
}

/// An edge for each input that an output feeds, with the type of packets and their bytes.
std::string edges_in_dot(const Plan& plan, std::size_t number) {
  const PlanNode& node = plan.nodes[number];
  std::string out;
  for (std::size_t port = 0; port < node.to.size(); ++port) {
    const OutputSpec& output = node.type->outputs[port];
    const std::size_t bytes = *node.costs.outputs.at(output.name).bytes;
    const std::string size = (node.type->asks_bytes ? "up to " : "") + format_bytes(bytes);
    for (const PortRef to : node.to[port])
      out += fmt::format("  n{}:o{}:s -> n{}:i{}:n [label=\" {}\\n {}\"];\n", number, port, to.node, to.port,
                         output.type, bytes ? size : "size by packet");
  }
  return out;
}

std::string in_dot(const Plan& plan) {
  std::string out =
      "digraph {\n  graph [fontname=\"Helvetica\", nodesep=0.4];\n"
      "  node [shape=plain, fontname=\"Helvetica\", fontsize=11];\n"
      "  edge [fontname=\"Helvetica\", fontsize=9, color=\"#555555\"];\n";
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) out += node_in_dot(plan, i);
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) out += edges_in_dot(plan, i);
  return out + "}\n";
}

/// Lays a graph out by Graphviz's program: what its library would bring is needed by nothing else. Throws
/// Error.
std::string svg_of(const std::string& dot) {
  const auto drawn = run_other({"dot", "-Tsvg"}, dot);
  if (!drawn)
    throw Error(
        "drawing needs Graphviz's program dot, which is not in PATH; install it (Debian: graphviz), or say "
        "--dot and lay the text out elsewhere");
  if (!drawn->succeeded)
    throw Error("Graphviz's program dot did not lay the graph out; say --dot to see what it was given");
  return drawn->printed;
}

}  // namespace

int draw_graph(const RunArguments& arguments, bool dot) {
  const auto loaded = load_or_say(arguments);
  if (!loaded) return 2;
  const std::string text = in_dot(loaded->plan);
  print_text(dot ? text : svg_of(text));
  return all_printed() ? 0 : 1;
}

}  // namespace flowrun::cli
