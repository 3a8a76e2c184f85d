// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support.h"

using namespace flowrun;
using namespace flowrun::test;

namespace {

namespace fs = std::filesystem;

std::string graph_of(const TemporaryFolder& out, const std::string& nodes,
                     const std::string& head = "memory: 1 MiB\nthreads: 4") {
  return fmt::format("flowrun: 1\n{}\nnodes:\n{}", head,
                     fmt::format(fmt::runtime(nodes), fmt::arg("out", out.path().string())));
}

std::string mistakes_of(const std::string& nodes, const std::string& head = "memory: 1 MiB") {
  try {
    plan_text("flowrun: 1\n" + head + "\nnodes:\n" + nodes);
  } catch (const GraphError& problem) {
    return problem.what();
  }
  return "fine";
}

std::string statuses(const RunResult& result) {
  std::string text;
  for (const ScopeResult& scope : result.scopes)
    text += fmt::format("{} {}; ", scope.name, to_string(scope.status));
  return text;
}

/// The items of all boxes are summed up; rounds begin when the sum is there; what was learnt in them
/// multiplies the items of boxes that are opened after that.
std::string learning(const TemporaryFolder& out, int rounds = 3, const std::string& more = "",
                     const std::string& head = "memory: 1 MiB\nthreads: 4", int last_count = 2) {
  return graph_of(out,
                  fmt::format(R"(
  boxes: {{{{type: boxes, count: 5}}}}
  items: {{{{type: unpack, from: boxes, count: 10, bytes: 1000}}}}
  mixed: {{{{type: jitter, from: items}}}}
  sum: {{{{type: sum_scopes, from: mixed}}}}
  rounds: {{{{type: rounds, from: sum, count: {}}}}}
  samples: {{{{type: unpack, from: rounds, count: 40, bytes: 1000}}}}
  shaken: {{{{type: jitter, from: samples}}}}
  model: {{{{type: learn, from: shaken, dir: "{{out}}/model", {}}}}}
  more: {{{{type: boxes, count: 3}}}}
  others: {{{{type: unpack, from: more, count: {}}}}}
  scaled: {{{{type: scale, from: {{{{item: others, by: model}}}}}}}}
  files: {{{{type: write, from: scaled, dir: "{{out}}/files"}}}}
)",
                              rounds, more, last_count),
                  head);
}

}  // namespace

TEST_CASE("what is gathered from scopes belongs to the run, and reaches the scopes of other sources") {
  for (const char* head :
       {"memory: 1 MiB\nthreads: 1", "memory: 20 KB\nthreads: 8", "memory: 64 MiB\nthreads: 4"}) {
    CAPTURE(head);
    TemporaryFolder out;
    const RunResult result = run_text(learning(out, 3, "", head));
    CHECK(result.exit == Exit::done);
    CHECK(result.peak_leased <= result.memory);
    CHECK(result.failures.empty());
    // 40 items of each round: 0 + 1 + ... + 39 = 780.
    for (int round = 0; round < 3; ++round)
      CHECK(read_file(out / fmt::format("model/round{}.txt", round)) == "780\n");
    for (int box = 0; box < 3; ++box)
      CHECK(read_file(out / fmt::format("files/box{}.txt", box)) == "0\n2340\n");
    CHECK(node(result, "sum").in == 50);
    CHECK(node(result, "scaled").out == 6);
  }
}

TEST_CASE("a packet of the run is written where nothing opens scopes after it") {
  TemporaryFolder out;
  const RunResult result = run_text(graph_of(out, R"(
  boxes: {{type: boxes, count: 4}}
  items: {{type: unpack, from: boxes, count: 10}}
  sum: {{type: sum_scopes, from: items}}
  files: {{type: write, from: sum, dir: "{out}"}}
)"));
  CHECK(result.exit == Exit::done);
  CHECK(read_file(out / "run.txt") == "180\n");
}

TEST_CASE("a done scope is made again only for what gathers from it and kept nothing of it") {
  const auto run = [](const TemporaryFolder& out, bool keeps) {
    return run_text(graph_of(out, fmt::format(R"(
  boxes: {{{{type: boxes, count: 4}}}}
  items: {{{{type: unpack, from: boxes, count: 10}}}}
  each: {{{{type: write, from: items, dir: "{{out}}/each"}}}}
  sum: {{{{type: sum_scopes, from: items, keeps: {}}}}}
  all: {{{{type: write, from: sum, dir: "{{out}}/all"}}}}
)",
                                              keeps)));
  };
  for (const bool keeps : {true, false}) {
    CAPTURE(keeps);
    TemporaryFolder out;
    CHECK(run(out, keeps).exit == Exit::done);
    CHECK(read_file(out / "all/run.txt") == "180\n");
    fs::remove(out / "all/run.txt");
    const RunResult again = run(out, keeps);
    CHECK(statuses(again) == (keeps
                                  ? "box0 done before; box1 done before; box2 done before; box3 done before; "
                                  : "box0 done; box1 done; box2 done; box3 done; "));
    CHECK(read_file(out / "all/run.txt") == "180\n");
  }
}

TEST_CASE("what was kept of a scope goes with it: when it is lost the scope is made again") {
  TemporaryFolder out;
  const auto run = [&](const std::string& sum) {
    return run_text(graph_of(out, R"(
  boxes: {{type: boxes, count: 2}}
  items: {{type: unpack, from: boxes, count: 10}}
  each: {{type: write, from: items, dir: "{out}/each"}}
)" + sum));
  };
  const std::string sum = "  sum: {{type: sum_scopes, from: items}}\n";
  const fs::path kept = out / "each/.flowrun/kept/sum";
  CHECK(run(sum).exit == Exit::done);
  CHECK(read_file(kept / "box1") == "45");
  fs::remove(kept / "box1");
  CHECK(statuses(run(sum)) == "box0 done before; box1 done; ");
  CHECK(statuses(run("")) == "box0 done; box1 done; ");
  CHECK(!fs::exists(kept / "box0"));
}

TEST_CASE("a packet that a source makes for the run reaches scopes; without it nothing is opened") {
  const std::string nodes = R"(
  factor: {{type: one, value: VALUE}}
  boxes: {{type: boxes, count: 3}}
  items: {{type: unpack, from: boxes, count: 3}}
  scaled: {{type: scale, from: {{item: items, by: factor}}}}
  files: {{type: write, from: scaled, dir: "{out}"}}
)";
  const auto with = [&](const TemporaryFolder& out, const std::string& value) {
    std::string text = nodes;
    return run_text(graph_of(out, text.replace(text.find("VALUE"), 5, value)));
  };
  TemporaryFolder good, bad;
  CHECK(with(good, "7").exit == Exit::done);
  CHECK(read_file(good / "box2.txt") == "0\n7\n14\n");
  const RunResult failed = with(bad, "-1");
  CHECK(failed.exit == Exit::failed);
  REQUIRE(failed.failures.size() == 1);
  CHECK(failed.failures[0].message == "there is no such item");
  CHECK(failed.scopes.empty());
  CHECK(outputs_in(bad.path()).empty());
}

TEST_CASE("an input that takes one packet for each scope, or of the run, refuses a second") {
  TemporaryFolder of_scope, of_run;
  const RunResult second = run_text(graph_of(of_scope, R"(
  boxes: {{type: boxes, count: 2}}
  items: {{type: unpack, from: boxes, count: 3}}
  factors: {{type: unpack, from: boxes, count: 2}}
  scaled: {{type: scale, from: {{item: items, by: factors}}}}
  files: {{type: write, from: scaled, dir: "{out}"}}
)"));
  CHECK(second.exit == Exit::failed);
  REQUIRE(second.failures.size() == 2);
  CHECK(second.failures[0].node == "scaled");
  CHECK(second.failures[0].message.starts_with("'factors' made a second packet for input 'by' of 'scaled'"));
  CHECK(outputs_in(of_scope.path()).empty());
  const RunResult third = run_text(graph_of(of_run, R"(
  factors: {{type: one, count: 3}}
  boxes: {{type: boxes, count: 2}}
  items: {{type: unpack, from: boxes, count: 3}}
  scaled: {{type: scale, from: {{item: items, by: factors}}}}
  files: {{type: write, from: scaled, dir: "{out}"}}
)"));
  CHECK(third.exit == Exit::failed);
  REQUIRE(third.failures.size() == 1);
  CHECK(third.failures[0].message.find("which takes one a run") != std::string::npos);
  CHECK(outputs_in(of_run.path()).empty());
}

TEST_CASE("done rounds are kept, more may follow, and all are redone from the first on that is not done") {
  TemporaryFolder out;
  const std::string boxes =
      "box0 done; box0 done before; box1 done; box1 done before; box2 done; box2 done before; ";
  CHECK(statuses(run_text(learning(out, 2))).ends_with("round0 done; round1 done; "));
  const RunResult more = run_text(learning(out, 4));
  CHECK(more.exit == Exit::done);
  CHECK(statuses(more).ends_with("round0 done before; round1 done before; round2 done; round3 done; "));
  std::filesystem::remove(out / "model/round1.txt");
  CHECK(statuses(run_text(learning(out, 4)))
            .ends_with("round0 done before; round1 done; round2 done; round3 done; "));
  // The boxes that the sum is gathered from are opened in each run, those after it only when they change.
  CHECK(statuses(run_text(learning(out, 4))).starts_with(boxes));
  // Rounds do not depend on what comes after them.
  const RunResult changed = run_text(learning(out, 4, "", "threads: 2", 1));
  CHECK(statuses(changed).ends_with(
      "round0 done before; round1 done before; round2 done before; round3 done before; "));
  CHECK(read_file(out / "files/box2.txt") == "0\n");
}

TEST_CASE("a round that fails ends the run: no later round, nothing is made of the others") {
  TemporaryFolder out;
  const RunResult result = run_text(learning(out, 4, "fail_in: 1"));
  CHECK(result.exit == Exit::failed);
  REQUIRE(result.failures.size() == 1);
  CHECK(result.failures[0].scope == "round1");
  CHECK(statuses(result).ends_with("round0 done; round1 failed; "));
  CHECK(!std::filesystem::exists(out / "files/box0.txt"));
  CHECK(
      statuses(run_text(learning(out, 4))).ends_with("round0 done; round1 done; round2 done; round3 done; "));
}

TEST_CASE("a node may end the rounds: none is opened after, and what was learnt goes on") {
  for (const char* head : {"threads: 1", "threads: 8", "memory: 20 KB"}) {
    TemporaryFolder out;
    const RunResult result = run_text(learning(out, 40, "enough_after: 2", head));
    CHECK(result.exit == Exit::done);
    CHECK(statuses(result).find("round2 done") != std::string::npos);
    CHECK(statuses(result).find("round3") == std::string::npos);
    CHECK(std::filesystem::exists(out / "files/box0.txt"));
    const RunResult again = run_text(learning(out, 40, "enough_after: 2", head));
    CHECK(statuses(again).find("round2 done before") != std::string::npos);
    CHECK(statuses(again).find("round3") == std::string::npos);
  }
}

TEST_CASE("scopes can be ended where they follow each other, at the end of one, and nowhere else") {
  for (const auto& [source, ends, message] :
       {std::tuple{"boxes", "finish", "only scopes that are opened one after the other can be ended"},
        {"boxes", "process", "scopes can be ended in finish() only"},
        {"rounds", "process", "scopes can be ended in finish() only"}}) {
    CAPTURE(source);
    CAPTURE(ends);
    const RunResult result = run_text(fmt::format(R"(flowrun: 1
nodes:
  scopes: {{type: {}, count: 3}}
  items: {{type: unpack, from: scopes, count: 4}}
  end: {{type: linger, from: items, ends: {}}}
)",
                                                  source, ends));
    CHECK(result.exit == Exit::failed);
    REQUIRE(!result.failures.empty());
    CHECK(result.failures.front().message.find(message) != std::string::npos);
  }
}

TEST_CASE("at the end of the run a node knows which of its own scopes are done, also by earlier runs") {
  TemporaryFolder out;
  const auto run_boxes = [&](int boxes, int others, int fails) {
    return run_text(graph_of(out, fmt::format(R"(
  boxes: {{{{type: boxes, count: {}}}}}
  items: {{{{type: unpack, from: boxes, count: 2}}}}
  summed: {{{{type: add, from: {{{{a: items, b: items}}}}}}}}
  maybe: {{{{type: fail_at, from: summed, value: {}}}}}
  done: {{{{type: note_done, from: maybe}}}}
  linger: {{{{type: linger, from: maybe}}}}
  files: {{{{type: write, from: maybe, dir: "{{out}}/files"}}}}
  more: {{{{type: boxes, count: {}}}}}
  others: {{{{type: unpack, from: more, count: 2}}}}
  done_others: {{{{type: note_done, from: others}}}}
  other_files: {{{{type: write, from: others, dir: "{{out}}/others"}}}}
)",
                                              boxes, fails, others)));
  };
  const RunResult first = run_boxes(3, 1, -1);
  CHECK(first.counts.at("done").notes == std::map<std::string, std::uint64_t>{{"box0 box1 box2", 1}});
  CHECK(first.counts.at("done_others").notes == std::map<std::string, std::uint64_t>{{"box0", 1}});
  CHECK(summary_text(first).find("  done: box0 box1 box2\n  done_others: box0\n") != std::string::npos);
  const RunResult second = run_boxes(4, 2, -1);
  CHECK(second.counts.at("done").notes == std::map<std::string, std::uint64_t>{{"box0 box1 box2 box3", 1}});
  CHECK(second.counts.at("done_others").notes == std::map<std::string, std::uint64_t>{{"box0 box1", 1}});
  const RunResult failed = run_boxes(4, 2, 2);  // in each box
  CHECK(failed.exit == Exit::failed);
  CHECK(failed.counts.at("done").notes == std::map<std::string, std::uint64_t>{{"", 1}});
  CHECK(failed.counts.at("done_others").notes == std::map<std::string, std::uint64_t>{{"box0 box1", 1}});
}

TEST_CASE("what a node keeps for the run is leased for the run") {
  TemporaryFolder out;
  const RunResult result = run_text(learning(out, 2, "keeps: 900000"));
  CHECK(result.exit == Exit::done);
  CHECK(result.peak_leased > 900000);
  CHECK(result.peak_leased <= result.memory);
  const std::string nodes = R"(
  rounds: {type: rounds}
  samples: {type: unpack, from: rounds}
  model: {type: learn, from: samples, dir: out, keeps: 2000000}
)";
  CHECK(mistakes_of(nodes).find(
            "error: the graph needs 1.9 MiB to make progress (for the whole run 1.9 MiB, 'rounds' 512 "
            "bytes, 'samples' 512 bytes, 'model' 1000 bytes), but 'memory: 1 MiB' is less") !=
        std::string::npos);
}

TEST_CASE("what gathers holds the leases of all packets that it makes one of") {
  TemporaryFolder out;
  const RunResult result = run_text(graph_of(out, R"(
  boxes: {{type: boxes, count: 2}}
  items: {{type: unpack, from: boxes, count: 90, bytes: 100000}}
  piles: {{type: pile, from: items, size: 9}}
)"));
  CHECK(result.exit == Exit::done);
  CHECK(node(result, "piles").in == 180);
  CHECK(result.peak_leased >= 9 * 100000);
  CHECK(result.peak_leased <= result.memory);
}

TEST_CASE("where scopes do not fit together the graph is refused") {
  CHECK(mistakes_of(R"(
  boxes: {type: boxes}
  items: {type: unpack, from: boxes}
  sum: {type: sum_scopes, from: items}
  scaled: {type: scale, from: {item: items, by: sum}}
)") == "graph.yaml:8:3: error: 'scaled' waits for 'sum', which is made when every box of 'boxes' has ended, "
       "but "
       "'scaled' works within them\n"
       "    8 |   scaled: {type: scale, from: {item: items, by: sum}}\n"
       "      |   ^ open them again for 'scaled' by a second node of type 'boxes'\n");
  // The same through the scopes of another source.
  CHECK(mistakes_of(R"(
  boxes: {type: boxes}
  items: {type: unpack, from: boxes}
  sum: {type: sum_scopes, from: items}
  rounds: {type: rounds, from: sum}
  samples: {type: unpack, from: rounds}
  model: {type: learn, from: samples, dir: out}
  scaled: {type: scale, from: {item: items, by: model}}
)")
            .find("'scaled' waits for 'model', which is made when every box of 'boxes' has ended") !=
        std::string::npos);
  CHECK(mistakes_of(R"(
  factor: {type: one}
  boxes: {type: boxes}
  items: {type: unpack, from: boxes}
  sums: {type: add, from: {a: items, b: factor}}
)")
            .find("input 'b' of node 'sums' takes packets of the run, but its other inputs take those behind "
                  "'boxes'") != std::string::npos);
  CHECK(mistakes_of(R"(
  boxes: {type: boxes}
  items: {type: unpack, from: boxes}
  rounds: {type: rounds, from: items}
  samples: {type: unpack, from: rounds}
)")
            .find("scopes within scopes of a source are not supported") != std::string::npos);
}
