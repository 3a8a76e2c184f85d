// SPDX-License-Identifier: Apache-2.0
#include <flowrun/bytes.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "commands.h"
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

/// A file that is closed with its owner.
class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {
    if (descriptor < 0) throw Error(fmt::format("no temporary file can be made: {}", std::strerror(errno)));
  }
  ~File() { ::close(descriptor_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

/// Lays a graph out by Graphviz's program: what its library would bring is needed by nothing else. Both ends
/// are files in memory, so that neither side waits for the other. Throws Error.
std::string svg_of(const std::string& dot) {
  const File in(::memfd_create("dot", MFD_CLOEXEC)), out(::memfd_create("svg", MFD_CLOEXEC));
  for (std::size_t done = 0; done < dot.size();) {
    const ::ssize_t written =
        ::pwrite(in.descriptor(), dot.data() + done, dot.size() - done, static_cast<::off_t>(done));
    if (written < 0) throw Error(fmt::format("the graph cannot be given to dot: {}", std::strerror(errno)));
    done += static_cast<std::size_t>(written);
  }
  ::posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in.descriptor(), STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out.descriptor(), STDOUT_FILENO);
  std::string name = "dot", as = "-Tsvg";
  char* const arguments[] = {name.data(), as.data(), nullptr};
  ::pid_t child = 0;
  const int problem = ::posix_spawnp(&child, "dot", &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (problem == ENOENT)
    throw Error(
        "drawing needs Graphviz's program dot, which is not in PATH; install it (Debian: graphviz), or say "
        "--dot and lay the text out elsewhere");
  if (problem != 0)
    throw Error(fmt::format("Graphviz's program dot cannot be run: {}", std::strerror(problem)));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw Error("Graphviz's program dot did not lay the graph out; say --dot to see what it was given");
  std::string svg(static_cast<std::size_t>(std::max<::off_t>(0, ::lseek(out.descriptor(), 0, SEEK_END))),
                  '\0');
  if (::pread(out.descriptor(), svg.data(), svg.size(), 0) != static_cast<::ssize_t>(svg.size()))
    throw Error("what Graphviz's program dot drew cannot be read");
  return svg;
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
