// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "support.h"

using namespace flowrun;
using namespace flowrun::test;

namespace {

/// Nodes on devices with 1000 MiB, 800 of them free.
std::string graph(const std::string& memory, const std::string& a, const std::string& b = "") {
  return "flowrun: 1\n" + memory + "\nnodes:\n" +
         "  boxes: {type: boxes}\n"
         "  items: {type: unpack, from: boxes}\n"
         "  a: {type: on_device, from: items" +
         a + "}\n  b: {type: on_device, from: a" + b +
         "}\n"
         "  end: {type: sink, from: b}\n";
}

std::string mistakes(const std::string& text) {
  try {
    plan_text(text);
  } catch (const GraphError& problem) {
    return problem.what();
  }
  return "fine";
}

std::string plan_of(const std::string& text) {
  return describe_plan(plan_text(text).plan);
}

void has(const std::string& text, const std::string& part) {
  INFO(text);
  CHECK(text.find(part) != std::string::npos);
}

}  // namespace

TEST_CASE("what nodes take of a device is added up, and shown with what they may take") {
  const std::string a = ", fixed: 100, per_sample: 10, batch: 8", b = ", fixed: 50";
  has(plan_of(graph("", a, b)),
      "  on fake:0: 230 MiB of 800 MiB ('a' 180 MiB with 8 samples at once, 'b' 50 MiB)\n");
  has(plan_of(graph("device_memory: 300 MiB", a, b)), "  on fake:0: 230 MiB of 300 MiB (");
  has(plan_of(graph("device_memory: 25%", a, b)), "  on fake:0: 230 MiB of 250 MiB (");
  has(plan_of(graph("device_memory: 2 GiB", a, b)), "  on fake:0: 230 MiB of 800 MiB (");
}

TEST_CASE("devices are counted apart") {
  const std::string text = plan_of(graph("device_memory: 60 %", ", fixed: 600",
                                         ", fixed: 500, device: 'fake:1'"
                                         ", all: 2000, free: 1900"));
  has(text, "  on fake:1: 500 MiB of 1.2 GiB ('b' 500 MiB)\n");
}

TEST_CASE("a batch that does not fit is refused with the batch that would, and who shares the device") {
  const std::string said = mistakes(graph("device_memory: 400 MiB", ", fixed: 100, per_sample: 10, batch: 64",
                                          ", fixed: 55, per_sample: 1, batch: 5"));
  has(said,
      "graph.yaml:2:16: error: 800 MiB of the memory of fake:0 are needed ('a' 740 MiB with 64 samples at "
      "once, "
      "'b' 60 MiB with 5 samples at once), but 'device_memory: 400 MiB' is less");
  has(said, "let 'a' have at most 24 samples at once, or raise device_memory to 800 MiB or more");
  // As it says: with 24 it is fine, with 25 it is not.
  const auto with = [](int batch) {
    return mistakes(graph("device_memory: 400 MiB",
                          ", fixed: 100, per_sample: 10, batch: " + std::to_string(batch),
                          ", fixed: 55, per_sample: 1, batch: 5"));
  };
  CHECK(with(24) == "fine");
  CHECK(with(25) != "fine");
}

TEST_CASE("what is not free on the device is refused at the node") {
  const std::string said = mistakes(graph("", ", fixed: 100, per_sample: 10, batch: 71"));
  has(said, "graph.yaml:6:3: error: 810 MiB of the memory of fake:0 are needed (");
  has(said, "but of its 1000 MiB only 800 MiB are free");
  has(said, "let 'a' have at most 70 samples at once");
  CHECK(said.find("raise") == std::string::npos);
  has(mistakes(graph("", ", fixed: 900")), "a smaller model or smaller images");
}

TEST_CASE("device_memory that is no size or share is refused, and means nothing without a device") {
  for (const char* wrong : {"lots", "0 %", "101 %", "-5 %", "[1]"})
    has(mistakes(graph(std::string("device_memory: ") + wrong, "")),
        "graph.yaml:2:16: error: 'device_memory': expected a size such as '8 GiB' or a share such as '80 %', "
        "found ");
  has(plan_of("flowrun: 1\ndevice_memory: 1 GiB\nnodes:\n  boxes: {type: boxes}\n"),
      "note: 'device_memory' means nothing here: no node computes on a GPU");
}

TEST_CASE("nodes are told what all on their device may take together") {
  const auto result = run_text(graph("device_memory: 300 MiB", ", fixed: 100", ", fixed: 200"));
  for (const char* name : {"a", "b"})
    CHECK(result.scopes.at(0).counts.at(name).notes.at("the device may take 300 MiB") > 0);
}
