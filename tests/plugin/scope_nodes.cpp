// SPDX-License-Identifier: Apache-2.0
// Nodes to test scopes with: rounds stand for epochs, learners for what trains a model.
#include <flowrun/plugin.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <mutex>
#include <thread>

#include "packets.h"

namespace {

using namespace flowrun;
using namespace flowrun::test;

/// Opens rounds, one after the other; each knows the item of the run, if there is one.
struct Rounds : Open {
  int count = 3;
  static void describe(Description<Rounds>& d) {
    d.summary("Opens rounds.").optional_input<Item>("item").scope_output<Box>("round").successive();
    d.option("count", &Rounds::count, "rounds").input_list();
  }
  void plan(Costs& costs) override { costs.out("round", 0); }
  Scopes open(Inputs& in) override {
    const std::string item = std::to_string(in.has("item") ? in.get<Item>("item").value : 0);
    const auto next = [all = count, at = 0, item]() mutable -> std::optional<NewScope> {
      if (at == all) return {};
      const int number = at++;
      return NewScope{fmt::format("round{}", number), {{"item", item}}, [number](Outputs& out) {
                        out.emit("round", Box{number});
                      }};
    };
    return {next, static_cast<std::uint64_t>(count)};
  }
};

/// Sums up the items of all scopes and emits the sum for the run.
struct SumScopes : GatherScopes {
  bool keeps = true;
  struct Sum {
    std::uint64_t value = 0;
  };
  static void describe(Description<SumScopes>& d) {
    d.summary("Sums up.").input<Item>("item").output<Item>("sum");
    d.option("keeps", &SumScopes::keeps, "the sum of each scope, for later runs");
  }
  Action process(Inputs& in, Outputs&) override {
    return [&sum = in.state<Sum>(), value = in.get<Item>("item").value] { sum.value += value; };
  }
  void finish(Inputs& in, Outputs& out) override {
    if (keeps)
      out.keep(std::to_string(in.state<Sum>().value));
    else
      forgotten += in.state<Sum>().value;
  }
  Packets finish_run(Inputs& in, Outputs&) override {
    std::uint64_t sum = forgotten;
    if (keeps)
      for (const std::string& scope : in.done_scopes()) sum += std::stoull(in.kept(scope));
    return {1, [sum](std::uint64_t, Outputs& out) { out.emit("sum", Item{sum, {}}); }};
  }
  std::atomic<std::uint64_t> forgotten = 0;
};

/// Writes the sum of each round to a file, and emits that of all files for the run. Throws when rounds
/// overlap.
struct Learn : GatherScopes {
  std::filesystem::path dir;
  std::int64_t keeps = 0;
  int fail_in = -1;
  int enough_after = -1;
  static void describe(Description<Learn>& d) {
    d.summary("Learns.").resumes().input<Item>("item").output<Item>("learnt");
    d.option("dir", &Learn::dir, "folder").required().output_folder();
    d.option("keeps", &Learn::keeps, "bytes kept for the run");
    d.option("fail_in", &Learn::fail_in, "the round that fails");
    d.option("enough_after", &Learn::enough_after, "the last round that is wanted");
  }
  void plan(Costs& costs) override {
    costs.keeps_for_run = static_cast<std::size_t>(keeps);
    costs.out("learnt", 1000);
  }
  Action process(Inputs& in, Outputs&) override {
    return [this, name = in.scope().name(), value = in.get<Item>("item").value] {
      if (!round.empty() && round != name) throw std::logic_error("rounds overlap");
      round = name;
      if (round == fmt::format("round{}", fail_in)) throw Error("cannot learn");
      sum += value;
    };
  }
  void finish(Inputs& in, Outputs& out) override {
    if (in.scope().failed()) return;
    std::ofstream(in.scope().stage(dir, in.scope().name() + ".txt")) << sum << "\n";
    sum = 0;
    if (round == fmt::format("round{}", enough_after)) out.end_scopes();
    round.clear();
  }
  Packets finish_run(Inputs& in, Outputs&) override {
    if (in.scope().failed()) return {};
    return {1, [this](std::uint64_t, Outputs& out) {
              std::uint64_t all = 0, value = 0;
              for (int i = 0; std::ifstream(dir / fmt::format("round{}.txt", i)) >> value; ++i) all += value;
              out.emit("learnt", Item{all, {}});
            }};
  }
  std::string round;
  std::uint64_t sum = 0;
};

/// Multiplies items by one that is the same for the whole scope.
struct Scale : Map {
  static void describe(Description<Scale>& d) {
    d.summary("Multiplies.").input<Item>("item").scope_input<Item>("by").output<Item>("item");
  }
  void process(Inputs& in, Outputs& out) override {
    out.emit("item", Item{in.get<Item>("item").value * in.get<Item>("by").value, {}});
  }
};

/// Makes an item of the run, or more.
struct One : Make {
  std::int64_t value = 1, count = 1;
  static void describe(Description<One>& d) {
    d.summary("Makes one item.").output<Item>("item");
    d.option("value", &One::value, "of the item");
    d.option("count", &One::count, "how often it is made");
  }
  void plan(Costs& costs) override { costs.out("item", 0); }
  Packets make(Inputs&) override {
    return {static_cast<std::uint64_t>(count), [number = value](std::uint64_t, Outputs& out) {
              if (number < 0) throw Error("there is no such item");
              out.emit("item", Item{static_cast<std::uint64_t>(number), {}});
            }};
  }
};

/// Takes a while to finish a scope.
struct Linger : Map {
  std::string ends = "nowhere";
  static void describe(Description<Linger>& d) {
    d.summary("Lingers.").input<Item>("item");
    d.option("ends", &Linger::ends, "where it ends the scopes").choices({"nowhere", "process", "finish"});
  }
  void process(Inputs&, Outputs& out) override {
    if (ends == "process") out.end_scopes();
  }
  void finish(Inputs&, Outputs& out) override {
    if (ends == "finish") out.end_scopes();
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
};

/// Notes which of its scopes are done at the end of the run.
struct NoteDone : GatherScopes {
  static void describe(Description<NoteDone>& d) {
    d.summary("Notes what is done.").resumes().input<Item>("item");
  }
  Action process(Inputs&, Outputs&) override { return {}; }
  Packets finish_run(Inputs& in, Outputs& out) override {
    out.note(fmt::format("{}", fmt::join(in.done_scopes(), " ")));
    return {};
  }
};

/// Gathers items, lets their bytes go and says how many there were.
struct Pile : Gather {
  int size = 4;
  struct Held {
    std::vector<std::shared_ptr<const Item>> items;
  };
  struct Height {
    static constexpr std::string_view packet_type = "test.height/1";
    std::size_t items = 0;
  };
  static void describe(Description<Pile>& d) {
    d.summary("Piles up.").input<Item>("item").output<Height>("pile");
    d.option("size", &Pile::size, "of a pile").at_least(1);
  }
  void plan(Costs& costs) override {
    costs.holds = static_cast<std::size_t>(size - 1);
    costs.out("pile", 0);
  }
  void process(Inputs& in, Outputs& out) override {
    auto& held = in.state<Held>().items;
    held.push_back(in.share<Item>("item"));
    if (held.size() == static_cast<std::size_t>(size))
      out.emit("pile", Height{std::exchange(held, {}).size()});
  }
};

}  // namespace

FLOWRUN_PLUGIN("test_scopes", "1.0.0", registry) {
  registry.node<Rounds>("rounds")
      .node<SumScopes>("sum_scopes")
      .node<Learn>("learn")
      .node<Scale>("scale")
      .node<One>("one")
      .node<Pile>("pile")
      .node<Linger>("linger")
      .node<NoteDone>("note_done");
}
