// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support.h"

using namespace flowrun;
using namespace flowrun::test;

namespace {

/// What planning a graph says, or "fine".
std::string mistakes(const std::string& graph) {
  try {
    plan_text(graph);
  } catch (const GraphError& problem) {
    return problem.what();
  }
  return "fine";
}

std::string only(const std::string& nodes) {
  return "flowrun: 1\nnodes:\n" + nodes;
}

}  // namespace

TEST_CASE("a mistake is said with its place, its line and what is right") {
  CHECK(mistakes(only("  boxes: {type: boxs}\n")) ==
        "graph.yaml:3:17: error: unknown node type 'boxs'\n"
        "    3 |   boxes: {type: boxs}\n"
        "      |                 ^ did you mean 'boxes'?\n");
}

TEST_CASE("all mistakes are found in one go") {
  const std::string graph = R"(flowrun: 2
nmae: x
memory: lots
threads: 0
nodes:
  a: {type: boxes, cuont: 3}
  b: {type: unpack, from: a, count: many}
  c: {type: add, from: {a: b, c: b}}
  d: {type: write, from: b.itme}
  e: {type: batch, from: nobody, size: 0}
  f: {type: jitter, from: g}
  g: {type: jitter, from: f}
  h: {type: write, from: a, dir: x, on_error: ignore, workers: 0}
  i: {from: b}
  j: {type: unpack}
  a: {type: boxes}
)";
  const std::string said = mistakes(graph);
  for (const char* expected :
       {"graph.yaml:1:10: error: unknown format version '2'",
        "graph.yaml:2:1: error: unknown key 'nmae'",
        "graph.yaml:3:9: error: 'memory': expected a size such as '512 MiB' or '2GB', found 'lots'",
        "graph.yaml:4:10: error: 'threads': expected 1 to 1024, found 0",
        "graph.yaml:6:20: error: 'boxes' has no option 'cuont'",
        "graph.yaml:7:37: error: 'count': expected an integer, found 'many'",
        "graph.yaml:8:31: error: 'add' has no input 'c'",
        "graph.yaml:8:3: error: input 'b' of node 'c' is not connected",
        "graph.yaml:9:26: error: node 'b' has no output 'itme'",
        "graph.yaml:9:3: error: node 'd' needs the option 'dir'",
        "graph.yaml:10:26: error: there is no node 'nobody'",
        "graph.yaml:10:40: error: 'size': expected at least 1, found 0",
        "graph.yaml:11:3: error: node 'f' is part of a cycle",
        "graph.yaml:12:3: error: node 'g' is part of a cycle",
        "graph.yaml:13:26: error: 'a' gives test.box/1, but input 'item' takes test.item/1",
        "graph.yaml:13:47: error: 'on_error': unknown policy 'ignore'",
        "graph.yaml:13:64: error: 'workers': expected at least 1, found 0",
        "graph.yaml:14:3: error: node 'i' has no type",
        "graph.yaml:15:3: error: input 'box' of node 'j' is not connected",
        "graph.yaml:16:3: error: 'a' is given twice"})
    CHECK_MESSAGE(said.find(expected) != std::string::npos, expected << "\nin\n" << said);
}

TEST_CASE("parameters are substituted, and unknown ones are mistakes") {
  const std::string graph =
      "flowrun: 1\nparams: {boxes: 3, empty: }\nnodes:\n  a: {type: boxes, count: \"${boxes}\"}\n";
  CHECK(mistakes(graph) == "fine");
  PlanOptions options = plan_options();
  options.settings = {{"bxes", "4"}};
  CHECK_THROWS_WITH_AS(plan_text(graph, options), doctest::Contains("the graph has no parameter 'bxes'"),
                       GraphError);
  options.settings = {{"boxes", "x"}};
  CHECK_THROWS_WITH_AS(plan_text(graph, options), doctest::Contains("expected an integer, found 'x'"),
                       GraphError);
  CHECK(mistakes(only("  a: {type: boxes, count: \"${n}\"}\n")).find("unknown parameter 'n'") !=
        std::string::npos);
  CHECK(mistakes(only("  a: {type: boxes, count: \"${env:FLOWRUN_NO_SUCH}\"}\n"))
            .find("environment variable 'FLOWRUN_NO_SUCH' is not set") != std::string::npos);
  CHECK(mistakes("flowrun: 1\nparams: {n: }\nnodes: {a: {type: boxes, count: \"${n}\"}}\n")
            .find("parameter 'n' has no value") != std::string::npos);
}

TEST_CASE("paths in a graph are relative to its file, paths that were set to where the user stands") {
  const std::string graph =
      "flowrun: 1\nparams: {out: here}\nnodes:\n  a: {type: boxes}\n  b: {type: unpack, from: a}\n  c: "
      "{type: write, from: b, dir: \"${out}\"}\n";
  PlanOptions options = plan_options();
  CHECK(load_plan_text(graph, "/some/where/graph.yaml", options).plan.output_folders.at(0) ==
        "/some/where/here");
  options.settings = {{"out", "there"}};
  CHECK(load_plan_text(graph, "/some/where/graph.yaml", options).plan.output_folders.at(0) ==
        std::filesystem::current_path() / "there");
}

TEST_CASE("the plan knows what a packet costs along its way") {
  const LoadedPlan loaded = plan_text(
      "flowrun: 1\nmemory: 1 GiB\nnodes:\n"
      "  boxes: {type: boxes}\n"
      "  items: {type: unpack, from: boxes, bytes: 1000}\n"
      "  mixed: {type: jitter, from: items}\n"
      "  sums: {type: add, from: {a: mixed, b: items}}\n"
      "  files: {type: write, from: sums, dir: out}\n");
  const auto lease = [&](const std::string& name) {
    for (const PlanNode& node : loaded.plan.nodes)
      if (node.name == name) return node.lease;
    return std::size_t{0};
  };
  // The item itself, which both inputs of the sum hold, and the sum.
  CHECK(lease("items") == 1000 + 1000);
}

TEST_CASE("a budget that cannot feed a gathering node is refused with the numbers and the ways out") {
  const std::string graph =
      "flowrun: 1\nmemory: 12 MB\nnodes:\n"
      "  boxes: {type: boxes}\n"
      "  items: {type: unpack, from: boxes, bytes: 1000000}\n"
      "  batch: {type: batch, from: items, size: 32}\n"
      "  count: {type: count_batches, from: batch, dir: out}\n";
  const std::string said = mistakes(graph);
  CHECK(said.find("graph.yaml:6:3: error: 'batch' may hold 31 items x ") != std::string::npos);
  CHECK(said.find("'memory: 11.4 MiB'") != std::string::npos);
  CHECK(said.find("raise memory to ") != std::string::npos);
  CHECK(said.find("or let 'batch' gather at most 3 at a time") != std::string::npos);
  CHECK(mistakes("flowrun: 1\nmemory: 1 KB\nnodes:\n  boxes: {type: boxes, bytes: 5000}\n")
            .find("needs 4.9 KiB to make progress") != std::string::npos);
}

TEST_CASE("broken YAML is a mistake with a place, never a crash") {
  CHECK(mistakes("flowrun: 1\nnodes: {a: [}\n").find("graph.yaml:2:") == 0);
  CHECK(mistakes("").find("graph.yaml:1:1: error: ") == 0);
  CHECK(mistakes("- 1\n- 2\n").find("a graph file is a map") != std::string::npos);
  CHECK(mistakes("flowrun: 1\nnodes:\n  a: &x {type: boxes, <<: *x}\n").find("error: ") != std::string::npos);
  std::string bomb = "flowrun: 1\na0: &a0 [x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int k = 0; k < 8; ++k) bomb += "," + last;
    bomb += "]\n";
  }
  CHECK(mistakes(bomb).find("more than 100000 values") != std::string::npos);
}
