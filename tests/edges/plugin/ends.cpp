// SPDX-License-Identifier: Apache-2.0
// Nodes at the end of a graph.
#include <flowrun/error.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cases.h"

namespace cases {
namespace {

using namespace flowrun;

/// Takes `ms` for each item; with `hang`, item 3 of each group never ends.
struct Sink : Map {
  int ms = 0;
  bool hang = false;

  static void describe(Description<Sink>& d) {
    d.summary("Takes items.").input<Item>("item");
    d.option("ms", &Sink::ms, "ms for each");
    d.option("hang", &Sink::hang, "item 3 never ends");
  }
  void process(Inputs& in, Outputs&) override {
    nap(ms);
    while (hang && in.index() == 3) nap(1000);
  }
};

/// Takes items one by one, in order.
struct Ordered : Write {
  static void describe(Description<Ordered>& d) { d.summary("Takes items in order.").input<Item>("item"); }
  Action process(Inputs& in, Outputs&) override {
    return [item = in.share<Item>("item")] {};
  }
};

/// Encodes items in parallel and appends them in order, as writers of TIFF files do: the action keeps what
/// was encoded, not the item. Encoding of item 0 takes `slow_first` ms.
struct Append : Write {
  int kib = 0;
  int slow_first = 0;

  static void describe(Description<Append>& d) {
    d.summary("Encodes items, appends them in order.").input<Item>("item");
    d.option("kib", &Append::kib, "KiB of an encoded item");
    d.option("slow_first", &Append::slow_first, "ms that item 0 takes");
  }
  void plan(Costs& costs) override { costs.scratch = std::size_t(kib) * KiB; }
  Action process(Inputs& in, Outputs&) override {
    if (in.index() == 0) nap(slow_first);
    return [encoded = std::make_shared<std::vector<char>>(filled(std::size_t(kib) * KiB))] {};
  }
};

/// Gathers pairs in batches of `size`: up to size - 1 pairs are kept.
struct BatchPairs : Gather {
  int size = 4;

  static void describe(Description<BatchPairs>& d) {
    d.summary("Batches pairs.").input<Item>("a").input<Item>("b").output<Item>("item");
    d.option("size", &BatchPairs::size, "pairs in a batch");
  }
  void plan(Costs& costs) override {
    costs.holds = size - 1;
    costs.out("item", size * costs.in("a"));
  }
  void process(Inputs&, Outputs&) override {}
};

/// Keeps the last item as long as it lives itself, which is beyond the run.
struct Keep : Map {
  std::mutex mutex;
  std::shared_ptr<const Item> last;

  static void describe(Description<Keep>& d) { d.summary("Keeps the last item.").input<Item>("item"); }
  void process(Inputs& in, Outputs&) override {
    std::scoped_lock lock(mutex);
    last = in.share<Item>("item");
  }
};

/// Keeps the packets that opened groups.
struct KeepGroups : Map {
  std::mutex mutex;
  std::vector<std::shared_ptr<const Group>> kept;

  static void describe(Description<KeepGroups>& d) { d.summary("Keeps all groups.").input<Group>("group"); }
  void process(Inputs& in, Outputs&) override {
    std::scoped_lock lock(mutex);
    kept.push_back(in.share<Group>("group"));
  }
};

/// Writes GROUP + suffix with the number of items in it.
struct File : Map {
  std::filesystem::path dir;
  std::string suffix = ".txt";
  int ms = 0;

  static void describe(Description<File>& d) {
    d.summary("Writes a file for each group.").input<Item>("item");
    d.option("dir", &File::dir, "folder to write to").required().output_folder();
    d.option("suffix", &File::suffix, "what follows the group's name");
    d.option("ms", &File::ms, "ms that the end of a group takes");
  }
  struct Count {
    std::mutex mutex;
    int items = 0;
  };
  void process(Inputs& in, Outputs&) override {
    auto& count = in.state<Count>();
    std::scoped_lock lock(count.mutex);
    ++count.items;
  }
  void finish(Inputs& in, Outputs&) override {
    if (in.scope().failed()) return;
    std::ofstream(in.scope().stage(dir, in.scope().name() + suffix)) << in.state<Count>().items << '\n';
    nap(ms);
  }
};

/// Needs temporary bytes for 300 ms at the end of a group, and says so.
struct FinishScratch : Map {
  int mib = 1;

  static void describe(Description<FinishScratch>& d) {
    d.summary("Needs temporary bytes at the end.").input<Item>("item");
    d.option("mib", &FinishScratch::mib, "MiB during the last call");
  }
  void plan(Costs& costs) override { costs.scratch = std::size_t(mib) * MiB; }
  void process(Inputs&, Outputs&) override {}
  void finish(Inputs&, Outputs&) override {
    const auto temporary = filled(std::size_t(mib) * MiB);
    nap(300);
  }
};

/// Fails at every item.
struct Fail : Map {
  static void describe(Description<Fail>& d) { d.summary("Fails.").input<Item>("item"); }
  void process(Inputs& in, Outputs&) override {
    throw Error("no good, number " + std::to_string(in.index()));
  }
};

/// plan() throws what is no exception: a plugin's mistake.
struct PlanThrows : Map {
  static void describe(Description<PlanThrows>& d) { d.summary("Cannot be planned.").input<Item>("item"); }
  void plan(Costs&) override { throw 42; }
  void process(Inputs&, Outputs&) override {}
};

/// depends_on() throws for group g1: a plugin's mistake.
struct DependsThrows : Map {
  static void describe(Description<DependsThrows>& d) { d.summary("Fails when asked.").input<Item>("item"); }
  std::map<std::string, std::string> depends_on(const std::string& scope) const override {
    if (scope == "g1") throw Error("file vanished");
    return {};
  }
  void process(Inputs&, Outputs&) override {}
};

}  // namespace

void add_ends(Registry& registry) {
  registry.node<Sink>("case_sink")
      .node<Ordered>("case_ordered")
      .node<Append>("case_append")
      .node<BatchPairs>("case_batch_pairs")
      .node<Keep>("case_keep")
      .node<KeepGroups>("case_keep_groups")
      .node<File>("case_file")
      .node<FinishScratch>("case_finish_scratch")
      .node<Fail>("case_fail")
      .node<PlanThrows>("case_plan_throws")
      .node<DependsThrows>("case_depends_throws");
}

}  // namespace cases
