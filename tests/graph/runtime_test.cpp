// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support.h"

using namespace flowrun;
using namespace flowrun::test;

namespace {

/// boxes -> unpack -> jitter -> write, with what a test adds.
std::string graph(const TemporaryFolder& out, const std::string& nodes,
                  const std::string& head = "memory: 64 MiB\nthreads: 4") {
  return fmt::format("flowrun: 1\n{}\nnodes:\n{}", head,
                     fmt::format(fmt::runtime(nodes), fmt::arg("out", out.path().string())));
}

std::string lines(int count, int step = 1) {
  std::string text;
  for (int i = 0; i < count; i += step) text += fmt::format("{}\n", i);
  return text;
}

constexpr auto plain = R"(
  boxes: {{type: boxes, count: 5}}
  items: {{type: unpack, from: boxes, count: 200, bytes: 100000}}
  mixed: {{type: jitter, from: items}}
  files: {{type: write, from: mixed, dir: "{out}"}}
)";

}  // namespace

TEST_CASE("items arrive whole and in order, whatever the threads and the memory") {
  for (const char* head :
       {"memory: 64 MiB\nthreads: 1", "memory: 1 MiB\nthreads: 8", "memory: 110 KB\nthreads: 4"}) {
    CAPTURE(head);
    TemporaryFolder out;
    const RunResult result = run_text(graph(out, plain, head));
    CHECK(result.exit == Exit::done);
    CHECK(result.peak_leased <= result.memory);
    CHECK(node(result, "files").out == 1000);
    for (int box = 0; box < 5; ++box) CHECK(read_file(out / fmt::format("box{}.txt", box)) == lines(200));
    CHECK(outputs_in(out.path()).size() == 5);
  }
}

TEST_CASE("dropped items are counted, and nothing waits for them") {
  TemporaryFolder out;
  const RunResult result = run_text(graph(out, R"(
  boxes: {{type: boxes, count: 3}}
  items: {{type: unpack, from: boxes, count: 100, bytes: 100000}}
  mixed: {{type: jitter, from: items}}
  even: {{type: drop_odd, from: mixed}}
  files: {{type: write, from: even, dir: "{out}"}}
)",
                                          "memory: 1 MiB\nthreads: 4"));
  CHECK(result.exit == Exit::done);
  CHECK(node(result, "even").in == 300);
  CHECK(node(result, "even").dropped == 150);
  CHECK(read_file(out / "box2.txt") == lines(100, 2));
}

TEST_CASE("a filter says why it drops and may send what it drops elsewhere; notes reach the summary") {
  TemporaryFolder out;
  const RunResult result = run_text(graph(out, R"(
  boxes: {{type: boxes, count: 2}}
  items: {{type: unpack, from: boxes, count: 100}}
  even: {{type: sieve, from: items}}
  odd: {{type: write, from: even.odd, dir: "{out}"}}
)"));
  CHECK(result.exit == Exit::done);
  CHECK(node(result, "even").out == 100);
  CHECK(node(result, "even").dropped == 100);
  CHECK(node(result, "even").reasons == std::map<std::string, std::uint64_t>{{"odd", 100}});
  CHECK(node(result, "odd").in == 100);
  CHECK(result.scopes.at(0).counts.at("even").notes.at("a round number") == 4);
  CHECK(result.scopes.at(0).counts.at("even").reasons.at("odd") == 50);
  const std::string text = summary_text(result);
  CHECK(text.find("even dropped: 100 odd\n") != std::string::npos);
  CHECK(text.find("  even: a round number (4 times)\n") != std::string::npos);
}

TEST_CASE("two inputs are joined by index, also where one side drops") {
  TemporaryFolder out;
  const RunResult result = run_text(graph(out, R"(
  boxes: {{type: boxes, count: 3}}
  items: {{type: unpack, from: boxes, count: 100, bytes: 10000}}
  mixed: {{type: jitter, from: items}}
  even: {{type: drop_odd, from: items}}
  sums: {{type: add, from: {{a: mixed, b: even}}}}
  files: {{type: write, from: sums, dir: "{out}"}}
)",
                                          "memory: 256 KiB\nthreads: 4"));
  CHECK(result.exit == Exit::done);
  CHECK(read_file(out / "box0.txt") == lines(199, 4));
  CHECK(node(result, "sums").in == 300);
  CHECK(node(result, "sums").dropped == 150);
}

TEST_CASE("an input with one packet per scope is there in every call and at the end") {
  TemporaryFolder out;
  const RunResult result = run_text(graph(out, R"(
  boxes: {{type: boxes, count: 3}}
  items: {{type: unpack, from: boxes, count: 3}}
  files: {{type: write, from: {{item: items, box: boxes}}, dir: "{out}"}}
)"));
  CHECK(result.exit == Exit::done);
  CHECK(read_file(out / "box2.txt") == "0\n1\n2\nbox 2\n");
}

TEST_CASE("batches are the same for any number of threads, and the last one is emitted") {
  for (int threads : {1, 2, 8}) {
    CAPTURE(threads);
    TemporaryFolder out;
    const RunResult result = run_text(graph(out, R"(
  boxes: {{type: boxes, count: 4}}
  items: {{type: unpack, from: boxes, count: 10, bytes: 1000}}
  mixed: {{type: jitter, from: items}}
  batches: {{type: batch, from: mixed, size: 4}}
  counts: {{type: count_batches, from: batches, dir: "{out}"}}
)",
                                            fmt::format("memory: 32 KB\nthreads: {}", threads)));
    CHECK(result.exit == Exit::done);
    CHECK(result.peak_leased <= result.memory);
    CHECK(read_file(out / "box3.txt") == "4 items, sum 6\n4 items, sum 22\n2 items, sum 17\n");
  }
}

TEST_CASE("an error fails its scope, is said once, and the other scopes go on") {
  TemporaryFolder out;
  std::atomic<int> said = 0;
  RunOptions options;
  options.on_failure = [&](const RunFailure&) { ++said; };
  const RunResult result = run_text(graph(out, R"(
  boxes: {{type: boxes, count: 4, fail_at: 1}}
  items: {{type: unpack, from: boxes, count: 50}}
  files: {{type: write, from: items, dir: "{out}"}}
)"),
                                    options);
  CHECK(result.exit == Exit::failed);
  CHECK(said == 1);
  REQUIRE(result.failures.size() == 1);
  CHECK(result.failures[0].scope == "box1");
  CHECK(result.failures[0].node == "boxes");
  CHECK(result.failures[0].message == "this box is broken");
  CHECK(outputs_in(out.path()).size() == 3);
}

TEST_CASE("content that nobody looks at is not made, and weighs nothing") {
  const std::string nodes = R"(
  boxes: {{type: boxes}}
  items: {{type: unpack, from: boxes, count: 20, bytes: 1000000}}
  same: {{type: pass, from: items}}
  files: {{type: write, from: same, dir: "{out}/a", looks: LOOKS}}
  more: {{type: write, from: items, dir: "{out}/b", looks: false}}
)";
  const auto with = [&](const TemporaryFolder& out, const char* looks, const char* memory) {
    std::string text = nodes;
    return run_text(graph(out, text.replace(text.find("LOOKS"), 5, looks), memory));
  };
  TemporaryFolder out;
  const RunResult without = with(out, "false", "memory: 100 KB");
  CHECK(without.exit == Exit::done);
  CHECK(read_file(out / "a/box0.txt") == read_file(out / "b/box0.txt"));
  CHECK(with(out, "true", "memory: 8 MB").peak_leased >= 1000000);
  CHECK_THROWS_AS(with(out, "true", "memory: 100 KB"), GraphError);
}

TEST_CASE("on_error: skip leaves the packet out, fail gives up the scope, stop ends the run") {
  const auto with = [](const TemporaryFolder& out, const std::string& policy) {
    return run_text(graph(out,
                          R"(
  boxes: {{type: boxes, count: 3}}
  items: {{type: unpack, from: boxes, count: 5}}
  checked: {{type: fail_at, from: items, value: 2, on_error: )" +
                              policy + R"(}}
  files: {{type: write, from: checked, dir: "{out}"}}
)",
                          "threads: 1"));
  };
  TemporaryFolder skipped, failed, stopped;
  const RunResult skip = with(skipped, "skip");
  CHECK(skip.exit == Exit::done_with_skips);
  CHECK(skip.failures.size() == 3);
  CHECK(node(skip, "checked").failed == 3);
  CHECK(read_file(skipped / "box1.txt") == "0\n1\n3\n4\n");
  const RunResult fail = with(failed, "fail");
  CHECK(fail.exit == Exit::failed);
  CHECK(fail.failures.size() == 3);
  CHECK(outputs_in(failed.path()).empty());
  const RunResult stop = with(stopped, "stop");
  CHECK(stop.exit == Exit::failed);
  CHECK(stop.failures.size() == 1);
  CHECK(outputs_in(stopped.path()).empty());
}

TEST_CASE("a source that cannot start on one input goes on with the next one of the scope") {
  TemporaryFolder out;
  const RunResult result = run_text(graph(out, R"(
  boxes: {{type: boxes, count: 2}}
  items: {{type: unpack, from: boxes, count: 4}}
  halves: {{type: split, from: items, fail_at: 1, on_error: skip}}
  files: {{type: write, from: halves, dir: "{out}"}}
)"));
  CHECK(result.exit == Exit::done_with_skips);
  CHECK(result.failures.size() == 2);
  CHECK(read_file(out / "box1.txt") == "0\n1\n20\n21\n30\n31\n");
}

TEST_CASE("memory that only a packet tells is leased too, and too much of it fails that scope alone") {
  TemporaryFolder out;
  const auto with = [&](const std::string& bytes) {
    return graph(out,
                 R"(
  boxes: {{type: boxes, count: 6, bytes: 1000000}}
  kept: {{type: keep, from: boxes, bytes: )" +
                     bytes + R"(}}
  items: {{type: unpack, from: kept, count: 20, bytes: 100000}}
  files: {{type: write, from: items, dir: "{out}"}}
)",
                 "memory: 4 MB\nthreads: 4");
  };
  const RunResult fits = run_text(with("2500000"));
  CHECK(fits.exit == Exit::done);
  CHECK(fits.peak_leased <= fits.memory);
  CHECK(fits.peak_leased >= 3500000);
  CHECK(outputs_in(out.path()).size() == 6);

  RunOptions again;
  again.force = true;
  const RunResult large = run_text(with("3500000"), again);
  CHECK(large.exit == Exit::failed);
  REQUIRE(large.failures.size() == 6);
  CHECK(large.failures[0].message.find("'kept' needs 3.3 MiB that never become free") == 0);
}

TEST_CASE("a packet that turns out larger than planned waits, or fails its scope") {
  TemporaryFolder out;
  const auto with = [&](int extra) {
    return run_text(graph(out,
                          R"(
  boxes: {{type: boxes, count: 3}}
  items: {{type: unpack, from: boxes, count: 20, bytes: 1000, extra: )" +
                              std::to_string(extra) + R"(}}
  files: {{type: write, from: items, dir: "{out}"}}
)",
                          "memory: 1 MB\nthreads: 4"));
  };
  const RunResult fits = with(900'000);
  CHECK(fits.exit == Exit::done);
  CHECK(fits.peak_leased <= fits.memory);
  const RunResult large = with(1'100'000);
  CHECK(large.exit == Exit::failed);
  CHECK(large.failures.size() == 3);
}

TEST_CASE("done scopes are not redone; a change of input, options or files redoes them") {
  TemporaryFolder out;
  const auto with = [&](int boxes, int count) {
    return run_text(graph(out, fmt::format(R"(
  boxes: {{{{type: boxes, count: {}}}}}
  items: {{{{type: unpack, from: boxes, count: {}}}}}
  files: {{{{type: write, from: items, dir: "{{out}}"}}}}
)",
                                           boxes, count)));
  };
  const auto statuses = [](const RunResult& result) {
    std::string out_text;
    for (const ScopeResult& scope : result.scopes)
      out_text += scope.name + " " + to_string(scope.status) + "; ";
    return out_text;
  };
  CHECK(statuses(with(2, 3)) == "box0 done; box1 done; ");
  CHECK(statuses(with(3, 3)) == "box0 done before; box1 done before; box2 done; ");
  std::filesystem::remove(out / "box1.txt");
  CHECK(statuses(with(3, 3)) == "box0 done before; box1 done; box2 done before; ");
  CHECK(statuses(with(3, 4)) == "box0 done; box1 done; box2 done; ");
  CHECK(read_file(out / "box1.txt") == lines(4));
}

TEST_CASE("what stands in the way and is not ours is never overwritten") {
  TemporaryFolder out;
  write_file(out / "box1.txt", "somebody's");
  const RunResult result = run_text(graph(out, plain));
  CHECK(result.exit == Exit::failed);
  REQUIRE(result.failures.size() == 1);
  CHECK(result.failures[0].message.find("exists and was not made by flowrun") != std::string::npos);
  CHECK(read_file(out / "box1.txt") == "somebody's");
}

TEST_CASE("an interrupt ends the run early; what is whole stays, and the next run completes it") {
  TemporaryFolder out;
  std::atomic<bool> interrupted = false;
  RunOptions options;
  options.interrupted = &interrupted;
  options.on_progress = [&](const RunStatus& status) { interrupted = status.scopes_ended >= 2; };
  options.progress_seconds = 0.001;
  const std::string slow = graph(out, R"(
  boxes: {{type: boxes, count: 40}}
  items: {{type: unpack, from: boxes, count: 20, bytes: 1000}}
  files: {{type: write, from: items, dir: "{out}", microseconds: 300}}
)",
                                 "threads: 2");
  const RunResult first = run_text(slow, options);
  CHECK(first.exit == Exit::interrupted);
  const auto whole = outputs_in(out.path());
  CHECK(whole.size() >= 2);
  CHECK(whole.size() < 40);
  for (const auto& [name, text] : whole) CHECK(text == lines(20));
  const RunResult second = run_text(slow);
  CHECK(second.exit == Exit::done);
  CHECK(outputs_in(out.path()).size() == 40);
}

TEST_CASE("the progress of a run is that of the busiest node at which packets end") {
  TemporaryFolder out;
  std::uint64_t most = 0;
  RunOptions options;
  options.on_progress = [&](const RunStatus& status) { most = std::max(most, status.packets); };
  options.progress_seconds = 0.001;
  run_text(graph(out, R"(
  boxes: {{type: boxes, count: 10}}
  items: {{type: unpack, from: boxes, count: 40}}
  files: {{type: write, from: items, dir: "{out}", microseconds: 300}}
  one: {{type: one}}
  last: {{type: linger, from: one}}
)"),
           options);
  CHECK(most > 1);
}

TEST_CASE("an output folder is used by one run at a time") {
  TemporaryFolder out;
  const OutputFolder held(out.path());
  CHECK_THROWS_WITH_AS(run_text(graph(out, plain)), doctest::Contains("is in use by another flowrun"), Error);
}

TEST_CASE("workers: N limits how many calls run at once") {
  TemporaryFolder out;
  const RunResult result = run_text(graph(out, R"(
  boxes: {{type: boxes, count: 1}}
  items: {{type: unpack, from: boxes, count: 40}}
  files: {{type: write, from: items, dir: "{out}", microseconds: 2000, workers: 1}}
)",
                                          "threads: 8"));
  CHECK(result.exit == Exit::done);
  CHECK(result.seconds >= 0.08);
  CHECK(read_file(out / "box0.txt") == lines(40));
}

TEST_CASE("what a node emits at the end of a scope arrives in order") {
  TemporaryFolder out;
  const RunResult result = run_text(graph(out, R"(
  boxes: {{type: boxes, count: 3}}
  items: {{type: unpack, from: boxes, count: 7}}
  total: {{type: total, from: items}}
  files: {{type: write, from: total, dir: "{out}"}}
)"));
  CHECK(result.exit == Exit::done);
  CHECK(read_file(out / "box1.txt") == "7\n8\n");
}

TEST_CASE("a node that emits twice on a port is told so") {
  TemporaryFolder out;
  const RunResult result = run_text(graph(out, R"(
  boxes: {{type: boxes, count: 1}}
  items: {{type: unpack, from: boxes, count: 3}}
  twice: {{type: twice, from: items}}
  files: {{type: write, from: twice, dir: "{out}"}}
)"));
  CHECK(result.exit == Exit::failed);
  REQUIRE(result.failures.size() == 1);
  CHECK(result.failures[0].message.find("may emit one packet on port 'item'") != std::string::npos);
}
