// SPDX-License-Identifier: Apache-2.0
// Graphs that must get on with the least memory that their plan accepts, and those that no memory is enough
// for.
#include <doctest/doctest.h>
#include <flowrun/bytes.h>

#include "support.h"

using namespace flowrun;
using namespace flowrun::test;

namespace {

LoadedPlan tight_plan(const std::string& nodes, int threads) {
  PlanOptions options;
  options.plugin_folders = {FLOWRUN_RANDOM_PLUGINS};
  options.threads = threads;
  options.memory = "1 TB";
  options.memory = std::to_string(plan_text("flowrun: 1\nnodes:\n" + nodes, options).plan.needed());
  return plan_text("flowrun: 1\nnodes:\n" + nodes, options);
}

void check_runs(const std::string& nodes) {
  for (const int threads : {1, 4}) {
    CAPTURE(threads);
    LoadedPlan loaded = tight_plan(nodes, threads);
    const RunResult result = run(loaded.plan, {});
    CHECK(result.exit == Exit::done);
    for (const RunFailure& failure : result.failures) FAIL_CHECK(failure.node, ": ", failure.message);
    CHECK(result.peak_leased <= result.memory);
    for (const ScopeResult& scope : result.scopes)
      for (const auto& [node, counts] : scope.counts)
        CHECK(counts.notes.size() <= 1);  // what a sink says, and nothing of packets kept too long
  }
}

std::string refusal(const std::string& nodes) {
  try {
    tight_plan(nodes, 1);
  } catch (const GraphError& problem) {
    return problem.what();
  }
  return "fine";
}

}  // namespace

TEST_CASE("a packet that is held for a whole scope keeps its maker from nothing") {
  check_runs(R"(
  boxes: {type: scopes, count: 3}
  factor: {type: source, count: 1}
  files: {type: record, from: {item: boxes.scope, by: factor.item}}
)");
  check_runs(R"(
  boxes: {type: scopes, count: 3}
  items: {type: split, from: {item: boxes.scope}, count: 9, exact: true}
  more: {type: split, from: {item: boxes.scope}, count: 9, exact: true}
  all: {type: bundle, from: {item: items.item}, size: 0, rest: 1}
  files: {type: record, from: {item: more.item, by: all.bundle}}
)");
}

TEST_CASE("what is dropped by a node that gathers does not count as gathered") {
  check_runs(R"(
  boxes: {type: scopes, count: 2}
  items: {type: split, from: {item: boxes.scope}, count: 40, exact: true, bytes: 1000}
  bundles: {type: bundle, from: {item: items.item}, size: 3, drops: 3}
  sink: {type: sink, from: {item: bundles.bundle}}
)");
}

TEST_CASE("packets that are gathered and passed on one by one hold their own lease alone") {
  const std::string nodes = R"(
  boxes: {type: scopes, count: 2}
  items: {type: split, from: {item: boxes.scope}, count: 60, exact: true, bytes: 1000}
  eights: {type: relay, from: {item: items.item}, size: 8, drops: 5}
  some: {type: forward, from: {item: eights.item}, drops: 3}
  sevens: {type: relay, from: {item: some.item}, size: 7}
  fives: {type: bundle, from: {item: sevens.item}, size: 5}
  sink: {type: sink, from: {item: fives.bundle}}
)";
  const LoadedPlan loaded = tight_plan(nodes, 1);
  for (const PlanNode& node : loaded.plan.nodes)
    if (node.name == "items") CHECK(node.slots == 7 + 6 + 5);
  check_runs(nodes);
}

TEST_CASE("two nodes gather different packets of one stream") {
  check_runs(R"(
  boxes: {type: scopes, count: 2}
  items: {type: split, from: {item: boxes.scope}, count: 60, exact: true, bytes: 1000}
  some: {type: forward, from: {item: items.item}, drops: 2}
  few: {type: forward, from: {item: some.item}, drops: 2}
  fives: {type: bundle, from: {item: items.item}, size: 5}
  threes: {type: bundle, from: {item: few.item}, size: 3}
  sink: {type: sink, from: {item: fives.bundle}}
  other: {type: sink, from: {item: threes.bundle}}
)");
}

TEST_CASE("packets that are forwarded through a join, or for the whole scope, are leased along their way") {
  const auto lease = [](const std::string& nodes) {
    const LoadedPlan loaded = tight_plan(nodes, 1);
    for (const PlanNode& node : loaded.plan.nodes)
      if (node.name == "more") return node.lease;
    return std::size_t{0};
  };
  CHECK(lease(R"(
  boxes: {type: scopes}
  items: {type: split, from: {item: boxes.scope}}
  more: {type: split, from: {item: boxes.scope}, bytes: 100}
  gate: {type: gate, from: {item: items.item, with: more.item}}
  sink: {type: sink, from: {item: gate.other}, scratch: 5000}
)") == 5100);
  CHECK(lease(R"(
  boxes: {type: scopes}
  more: {type: split, from: {item: boxes.scope}, bytes: 100}
  stamp: {type: stamp, from: {item: more.item, by: boxes.scope}}
  sink: {type: sink, from: {item: stamp.item}, scratch: 5000}
)") == 5000);
}

TEST_CASE("beginning on a packet is leased with it") {
  const LoadedPlan loaded = tight_plan(R"(
  boxes: {type: scopes, bytes: 1000}
  items: {type: split, from: {item: boxes.scope}, scratch: 5000}
)",
                                       1);
  CHECK(loaded.plan.nodes.front().lease == 6000);
}

TEST_CASE("packets that wait for what is gathered from their own stream are refused") {
  const std::string two = R"(
  boxes: {type: scopes}
  items: {type: split, from: {item: boxes.scope}, count: 9}
  all: {type: bundle, from: {item: items.item}, size: 0, rest: 1}
)";
  CHECK(refusal(two + "  files: {type: record, from: {item: items.item, by: all.bundle}}\n")
            .find("the packets on input 'item' of node 'files' wait for 'by', for which 'all' gathers") !=
        std::string::npos);
  CHECK(refusal(two + R"(
  once: {type: tint, from: {item: boxes.scope, by: all.bundle}}
  files: {type: record, from: {item: items.item, by: once.item}}
)")
            .find("for which 'all' gathers") != std::string::npos);
  CHECK(refusal(two + R"(
  more: {type: split, from: {item: boxes.scope}, count: 9}
  files: {type: record, from: {item: more.item, by: all.bundle}}
)") == "fine");
}

TEST_CASE("streams that a third one keeps in step are refused like those that are joined") {
  CHECK(refusal(R"(
  boxes: {type: scopes}
  items: {type: split, from: {item: boxes.scope}, count: 9}
  parts: {type: split, from: {item: items.item}, count: 3}
  third: {type: split, from: {item: boxes.scope}, count: 9}
  one: {type: join, from: {item: items.item, with: third.item}}
  other: {type: join, from: {item: parts.item, with: third.item}}
)")
            .find("and both are made of those of 'items'") != std::string::npos);
}

TEST_CASE("a stream that is joined with the packet of its scope is still the same stream") {
  CHECK(refusal(R"(
  boxes: {type: scopes}
  items: {type: split, from: {item: boxes.scope}, count: 9}
  first: {type: join, from: {item: items.item, with: boxes.scope}}
  parts: {type: split, from: {item: items.item}, count: 3}
  both: {type: join, from: {item: first.item, with: parts.item}}
)")
            .find("and both are made of those of 'items'") != std::string::npos);
}

TEST_CASE("streams that are joined by several ways of different pace are refused") {
  CHECK(refusal(R"(
  boxes: {type: scopes}
  items: {type: split, from: {item: boxes.scope}, count: 28}
  others: {type: split, from: {item: boxes.scope}, count: 14}
  parts: {type: split, from: {item: items.item}, count: 3}
  both: {type: join, from: {item: parts.item, with: others.item}}
  more: {type: split, from: {item: items.item}, count: 3}
  eighths: {type: split, from: {item: others.item}, count: 8}
  again: {type: join, from: {item: more.item, with: eighths.item}}
)")
            .find("by way of others") != std::string::npos);
  // Joined twice the same way: at one pace.
  check_runs(R"(
  boxes: {type: scopes}
  items: {type: split, from: {item: boxes.scope}, count: 9, exact: true}
  others: {type: split, from: {item: boxes.scope}, count: 9, exact: true}
  both: {type: join, from: {item: items.item, with: others.item}}
  again: {type: join, from: {item: both.item, with: others.item}}
  parts: {type: split, from: {item: again.item}, count: 3}
  files: {type: sink, from: {item: parts.item}}
)");
}

TEST_CASE("packets that wait for all of a stream that is joined with their own are refused") {
  CHECK(refusal(R"(
  boxes: {type: scopes}
  items: {type: split, from: {item: boxes.scope}, count: 9}
  others: {type: split, from: {item: boxes.scope}, count: 9}
  pairs: {type: join, from: {item: others.item, with: items.item}}
  all: {type: bundle, from: {item: others.item}, size: 0, rest: 1}
  first: {type: tint, from: {item: boxes.scope, by: all.bundle}}
  files: {type: record, from: {item: first.item, with: items.item}}
)")
            .find("for which 'all' gathers") != std::string::npos);
  CHECK(refusal(R"(
  boxes: {type: scopes}
  items: {type: split, from: {item: boxes.scope}, count: 9}
  others: {type: split, from: {item: boxes.scope}, count: 9}
  all: {type: bundle, from: {item: others.item}, size: 0, rest: 1}
  waiting: {type: split, from: {item: items.item}, count: 2}
  files: {type: tint, from: {item: waiting.item, by: all.bundle}}
  threes: {type: bundle, from: {item: items.item}, size: 3}
  parts: {type: split, from: {item: others.item}, count: 2}
  both: {type: join, from: {item: threes.bundle, with: parts.item}}
)")
            .find("for which 'all' gathers") != std::string::npos);
}

TEST_CASE("what comes after a bundle of one packet needs as much as after a full one") {
  const LoadedPlan loaded = tight_plan(R"(
  items: {type: source, bytes: 1000}
  bundle: {type: bundle, from: {item: items.item}, size: 5, early: 1, bytes: 100}
  changed: {type: change, from: {item: bundle.bundle}, scratch: 3000}
  sink: {type: sink, from: {item: changed.item}}
)",
                                       1);
  // A packet, its share of a bundle of 500 bytes, and what changing that takes: scratch and another bundle.
  CHECK(loaded.plan.nodes.front().lease == 1000 + 100 + 3000 + 500);
}

TEST_CASE("a packet that a whole scope sees keeps those after it from nothing") {
  check_runs(R"(
  boxes: {type: scopes, count: 2}
  items: {type: split, from: {item: boxes.scope}, count: 9, bytes: 1000}
  one: {type: split, from: {item: boxes.scope}, count: 1, exact: true}
  first: {type: join, from: {item: one.item, with: items.item}}
  bundle: {type: bundle, from: {item: first.item, with: items.item}, size: 1, rest: 0}
  files: {type: record, from: {item: boxes.scope, by: bundle.bundle}}
)");
}

TEST_CASE("packets that wait for scopes that are opened for the same stream are refused") {
  CHECK(refusal(R"(
  items: {type: source, count: 9}
  boxes: {type: scopes, from: {item: items.item}}
  sum: {type: fold, from: {item: boxes.scope}}
  files: {type: record, from: {item: items.item, by: sum.sum}}
)")
            .find("for which 'sum' gathers") != std::string::npos);
  CHECK(refusal(R"(
  items: {type: source, count: 9}
  all: {type: bundle, from: {item: items.item}, size: 0, rest: 1}
  boxes: {type: scopes}
  files: {type: record, from: {item: boxes.scope, by: all.bundle}}
  sum: {type: fold, from: {item: boxes.scope}}
  more: {type: record, from: {item: items.item, by: sum.sum}}
)")
            .find("for which 'all' gathers") != std::string::npos);
  CHECK(refusal(R"(
  boxes: {type: scopes}
  sums: {type: fold, from: {item: boxes.scope}, count: 2}
  more: {type: scopes, from: {item: sums.sum}}
  last: {type: fold, from: {item: more.scope}}
  files: {type: record, from: {item: last.sum, with: sums.sum}}
)")
            .find("for which 'last' gathers") != std::string::npos);
}

TEST_CASE("a packet that is forwarded to one and held by another counts beside all that is made of it") {
  const LoadedPlan loaded = tight_plan(R"(
  items: {type: source, bytes: 1000}
  same: {type: forward, from: {item: items.item}}
  changed: {type: change, from: {item: same.item}}
  renewed: {type: renew, from: {item: changed.item}, bytes: 3000}
  sink: {type: sink, from: {item: renewed.item}}
  slow: {type: sink, from: {item: items.item}, scratch: 500}
)",
                                       1);
  CHECK(loaded.plan.nodes.front().lease == 1000 + 1000 + 3000 + 500);
}
