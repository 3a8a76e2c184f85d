// SPDX-License-Identifier: Apache-2.0
// Runs random graphs and looks for stalls, memory beyond the limit, lost packets and results that depend on
// the number of threads.
#include <dlfcn.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "../plugin/random/ledger.h"
#include "shrink.h"
#include "trial.h"
#include "watchdog.h"

namespace {

using namespace flowrun::test;

Ledger& ledger_of_plugin() {
  void* library = ::dlopen(FLOWRUN_RANDOM_PLUGINS "/test_random.so", RTLD_NOW);
  void* function = library ? ::dlsym(library, "flowrun_test_ledger") : nullptr;
  if (!function) throw std::runtime_error(fmt::format("the plugin cannot be opened: {}", ::dlerror()));
  return *reinterpret_cast<Ledger* (*)()>(function)();
}

struct Options {
  std::uint64_t seed = 1;
  int count = 300;
  int limit = 60;
  bool prints = false;
  bool goes_on = false;
  bool shrinks = false;
  TrialOptions trial;
};

struct Figures {
  int passed = 0, failed = 0, refused = 0, stopped = 0, with_failures = 0;
  std::size_t nodes = 0;
  double most_use = 0;
  std::map<std::string, int> types;
};

/// What is being tried, for the watchdog.
std::atomic<const Trial*> current = nullptr;
std::atomic<std::uint64_t> current_seed = 0;

void bark() {
  const Trial* trial = current;
  fmt::print("seed {} does not end: {}\n", current_seed.load(), trial ? trial->state() : "");
  std::fflush(stdout);
  std::_Exit(1);
}

void count(const RandomGraph& graph, const Trial& trial, Figures& figures) {
  figures.nodes += graph.nodes.size();
  for (const RandomNode& node : graph.nodes) ++figures.types[node.type];
  figures.stopped += trial.stopped();
  figures.with_failures += trial.had_failures();
  figures.most_use = std::max(figures.most_use, trial.use());
}

bool still_fails(Trial& trial) {
  try {
    return trial.run() == Trial::Kind::failed;
  } catch (const std::exception&) {  // it lacks what a graph must have
    return false;
  }
}

void shrink(const RandomGraph& graph, const Options& options, Ledger& ledger) {
  std::string why;
  const RandomGraph small = shrunk(graph, [&](const RandomGraph& smaller) {
    Trial trial(smaller, options.trial, ledger);
    if (!still_fails(trial)) return false;
    why = trial.why();
    return true;
  });
  fmt::print("shrunk:\n{}{}\n", small.text(), why);
}

void try_one(std::uint64_t seed, const Options& options, Ledger& ledger, Figures& figures) {
  const RandomGraph graph = random_graph(seed);
  Trial trial(graph, options.trial, ledger);
  current = &trial;
  current_seed = seed;
  const Trial::Kind kind = trial.run();
  current = nullptr;
  if (options.prints) fmt::print("seed {}\n{}{}\n", seed, graph.text(), trial.why());
  if (kind == Trial::Kind::refused) {
    ++figures.refused;
    return;
  }
  count(graph, trial, figures);
  kind == Trial::Kind::passed ? ++figures.passed : ++figures.failed;
  if (kind == Trial::Kind::failed)
    fmt::print("seed {}, memory {}, {} nodes:\n{}{}\n", seed, trial.memory(), graph.nodes.size(),
               graph.text(), trial.why());
  if (kind == Trial::Kind::failed && options.shrinks) shrink(graph, options, ledger);
  std::fflush(stdout);
}

void print(const Figures& figures, std::uint64_t last_seed) {
  fmt::print(
      "{} graphs passed, {} failed; {} refused; {} nodes; errors in {}, {} of them stopped; packets took at "
      "most "
      "{:.0f} % of the memory; last seed {}\n",
      figures.passed, figures.failed, figures.refused, figures.nodes, figures.with_failures, figures.stopped,
      100 * figures.most_use, last_seed);
  for (const auto& [type, nodes] : figures.types) fmt::print("  {} {}\n", nodes, type);
}

int run(const Options& options) {
  Ledger& ledger = ledger_of_plugin();
  Watchdog watchdog(std::chrono::seconds(options.limit), bark);
  Figures figures;
  std::uint64_t seed = options.seed;
  while (figures.passed + figures.failed < options.count && (options.goes_on || figures.failed == 0)) {
    watchdog.feed();
    try_one(seed++, options, ledger, figures);
  }
  print(figures, seed - 1);
  return figures.failed > 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Runs random graphs.");
  app.add_option("--seed", options.seed, "of the first graph");
  app.add_option("--count", options.count, "graphs that are not refused");
  app.add_option("--threads", options.trial.threads, "numbers of threads")->delimiter(',');
  app.add_option("--memory-factor", options.trial.memory_factor, "of the least that a graph needs");
  app.add_option("--limit", options.limit, "seconds for one graph");
  app.add_flag("--print", options.prints, "print each graph");
  app.add_flag("--shrink", options.shrinks, "show what of a graph that failed is enough to fail");
  app.add_flag("--go-on", options.goes_on, "also after a graph that failed");
  CLI11_PARSE(app, argc, argv);
  options.trial.quiet_seconds = options.limit / 4.0;
  try {
    return run(options);
  } catch (const std::exception& problem) {
    fmt::print("seed {}: {}\n", current_seed.load(), problem.what());
    return 1;
  }
}
