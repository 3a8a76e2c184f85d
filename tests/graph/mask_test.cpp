// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "nodes/synth/synth.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::test;

namespace {

/// Two slides, of which one has annotations.
struct Cohort {
  TemporaryFolder folder;
  Cohort() {
    wsi::SynthOptions options;
    options.width = 1200;
    options.height = 900;
    options.annotations = folder / "a.xml";
    wsi::write_synthetic_slide(folder / "a.svs", options);
    options.annotations.reset();
    wsi::write_synthetic_slide(folder / "b.svs", options);
  }
  std::string graph(const std::string& options) const {
    return fmt::format(
        "flowrun: 1\nnodes:\n"
        "  slides: {{type: read, path: \"{0}/*.svs\"}}\n"
        "  classes: {{type: mask, from: slides, annotations: \"{0}/{{slide}}.xml\"{1}}}\n",
        folder.path().string(), options);
  }
};

std::string mistakes(const std::string& graph) {
  try {
    plan_text(graph);
  } catch (const GraphError& problem) {
    return problem.what();
  }
  return "fine";
}

}  // namespace

TEST_CASE("a slide without annotations fails alone") {
  const Cohort cohort;
  const RunResult result = run_text(cohort.graph(""));
  CHECK(result.exit == Exit::failed);
  REQUIRE(result.failures.size() == 1);
  CHECK(result.failures[0].scope == "b");
  CHECK(result.failures[0].message.find("there is no " + (cohort.folder / "b.xml").string()) !=
        std::string::npos);
  CHECK(node(result, "classes").out == 1);
}

TEST_CASE("a slide without annotations is skipped with the reason, and notes reach the summary") {
  const Cohort cohort;
  const RunResult result = run_text(cohort.graph(", missing: skip, classes: {tumor: 1}"));
  CHECK(result.exit == Exit::done);
  CHECK(node(result, "classes").dropped == 1);
  CHECK(node(result, "classes").reasons == std::map<std::string, std::uint64_t>{{"no annotations", 1}});
  REQUIRE(result.scopes.size() == 2);
  for (const ScopeResult& scope : result.scopes) {
    const std::string notes = to_json(scope.counts.at("classes")).dump();
    CHECK((notes.find("of class 'stroma', which `classes` does not have, left out") != std::string::npos) ==
          (scope.name == "a"));
  }
}

TEST_CASE("a mistake in `classes` is said at its entry") {
  const Cohort cohort;
  const std::string of_type = mistakes(cohort.graph(",\n    classes: {tumor: 1,\n      stroma: two}"));
  CHECK_MESSAGE(
      of_type.find("graph.yaml:6:15: error: 'classes': 'stroma': expected an integer, found 'two'") !=
          std::string::npos,
      of_type);
  const std::string of_range = mistakes(cohort.graph(",\n    classes: {tumor: 1,\n      stroma: 256}"));
  CHECK_MESSAGE(
      of_range.find("graph.yaml:6:15: error: 'classes': expected at least 0, at most 255, found 256") !=
          std::string::npos,
      of_range);
  const std::string no_map = mistakes(cohort.graph(", classes: tumor"));
  CHECK_MESSAGE(
      no_map.find("'classes': expected a map such as {name: value}, found 'tumor'") != std::string::npos,
      no_map);
}
