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
struct Rounds : Source {
  int count = 3;
  static void describe(Description<Rounds>& d) {
    d.summary("Opens rounds.").optional_input<Item>("item").scope_output<Box>("round").successive();
    d.option("count", &Rounds::count, "rounds").input_list();
  }
  void plan(Costs& costs) override { costs.out("round", 0); }
  struct All : Generator {
    All(int rounds, std::uint64_t item) : count(rounds), value(item) {}
    const int count;
    const std::uint64_t value;
    int next_round = 0;
    std::optional<Work> next() override {
      if (next_round == count) return {};
      const int number = next_round++;
      return Work{[number](Outputs& out) { out.emit("round", Box{number}); },
                  NewScope{fmt::format("round{}", number), {{"item", std::to_string(value)}}}};
    }
    std::optional<std::uint64_t> total() const override { return count; }
  };
  std::unique_ptr<Generator> start(Inputs& in) override {
    return std::make_unique<All>(count, in.has("item") ? in.get<Item>("item").value : 0);
  }
};

/// Sums up the items of all scopes and emits the sum for the run.
struct SumScopes : Node {
  static void describe(Description<SumScopes>& d) {
    d.summary("Sums up.").gathers_scopes().input<Item>("item").output<Item>("sum");
  }
  void process(Inputs& in, Outputs&) override { sum += in.get<Item>("item").value; }
  void finish(Inputs& in, Outputs& out) override {
    if (in.scope().kind() == "run") out.emit("sum", Item{sum, {}});
  }
  std::atomic<std::uint64_t> sum = 0;
};

/// Writes the sum of each round to a file, and emits that of all files for the run. Throws when rounds
/// overlap.
struct Learn : Node {
  std::filesystem::path dir;
  std::int64_t keeps = 0;
  int fail_in = -1;
  int enough_after = -1;
  static void describe(Description<Learn>& d) {
    d.summary("Learns.").ordered().gathers_scopes().resumes().input<Item>("item").output<Item>("learnt");
    d.option("dir", &Learn::dir, "folder").required().output_folder();
    d.option("keeps", &Learn::keeps, "bytes kept for the run");
    d.option("fail_in", &Learn::fail_in, "the round that fails");
    d.option("enough_after", &Learn::enough_after, "the last round that is wanted");
  }
  void plan(Costs& costs) override {
    costs.keeps_for_run = static_cast<std::size_t>(keeps);
    costs.out("learnt", 1000);
  }
  void process(Inputs& in, Outputs&) override {
    if (!round.empty() && round != in.scope().name()) throw std::logic_error("rounds overlap");
    round = in.scope().name();
    if (round == fmt::format("round{}", fail_in)) throw Error("cannot learn");
    sum += in.get<Item>("item").value;
  }
  void finish(Inputs& in, Outputs& out) override {
    if (in.scope().failed()) return;
    if (in.scope().kind() == "run") {
      std::uint64_t all = 0, value = 0;
      for (int i = 0; std::ifstream(dir / fmt::format("round{}.txt", i)) >> value; ++i) all += value;
      return out.emit("learnt", Item{all, {}});
    }
    std::ofstream(in.scope().stage(dir, in.scope().name() + ".txt")) << sum << "\n";
    sum = 0;
    if (round == fmt::format("round{}", enough_after)) out.end_scopes();
    round.clear();
  }
  std::string round;
  std::uint64_t sum = 0;
};

/// Multiplies items by one that is the same for the whole scope.
struct Scale : Node {
  static void describe(Description<Scale>& d) {
    d.summary("Multiplies.").input<Item>("item").scope_input<Item>("by").output<Item>("item");
  }
  void process(Inputs& in, Outputs& out) override {
    out.emit("item", Item{in.get<Item>("item").value * in.get<Item>("by").value, {}});
  }
};

/// Passes one item of the run on and keeps the lease of another.
struct One : Source {
  std::int64_t value = 1;
  static void describe(Description<One>& d) {
    d.summary("Makes one item.").output<Item>("item");
    d.option("value", &One::value, "of the item");
  }
  void plan(Costs& costs) override { costs.out("item", 0); }
  struct All : Generator {
    explicit All(std::int64_t v) : value(v) {}
    std::int64_t value;
    bool made = false;
    std::optional<Work> next() override {
      if (std::exchange(made, true)) return {};
      return Work{[this](Outputs& out) {
        if (value < 0) throw Error("there is no such item");
        out.emit("item", Item{static_cast<std::uint64_t>(value), {}});
      }};
    }
  };
  std::unique_ptr<Generator> start(Inputs&) override { return std::make_unique<All>(value); }
};

/// Emits where only the run may.
struct Early : Node {
  static void describe(Description<Early>& d) {
    d.summary("Emits early.").gathers_scopes().input<Item>("item").output<Item>("item");
  }
  void process(Inputs&, Outputs& out) override { out.emit("item", Item{}); }
};

/// Takes a while to finish a scope.
struct Linger : Node {
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
struct NoteDone : Node {
  static void describe(Description<NoteDone>& d) {
    d.summary("Notes what is done.").gathers_scopes().resumes().input<Item>("item");
  }
  void process(Inputs&, Outputs&) override {}
  void finish(Inputs& in, Outputs& out) override {
    if (in.scope().kind() == "run") out.note(fmt::format("{}", fmt::join(in.done_scopes(), " ")));
  }
};

/// Gathers items, lets their bytes go and keeps their leases.
struct Pile : Node {
  int size = 4;
  struct Leases {
    std::vector<Lease> all;
  };
  struct Kept {
    static constexpr std::string_view packet_type = "test.pile/1";
    std::vector<Lease> leases;
  };
  static void describe(Description<Pile>& d) {
    d.summary("Piles up.").gathers().input<Item>("item").output<Kept>("pile");
    d.option("size", &Pile::size, "of a pile").at_least(1);
  }
  void plan(Costs& costs) override {
    costs.holds = static_cast<std::size_t>(size - 1);
    costs.out("pile", 0);
  }
  void process(Inputs& in, Outputs& out) override {
    auto& leases = in.state<Leases>().all;
    leases.push_back(in.lease("item"));
    if (leases.size() == static_cast<std::size_t>(size)) out.emit("pile", Kept{std::exchange(leases, {})});
  }
};

}  // namespace

FLOWRUN_PLUGIN("test_scopes", "1.0.0", registry) {
  registry.node<Rounds>("rounds")
      .node<SumScopes>("sum_scopes")
      .node<Learn>("learn")
      .node<Scale>("scale")
      .node<One>("one")
      .node<Early>("early")
      .node<Pile>("pile")
      .node<Linger>("linger")
      .node<NoteDone>("note_done");
}
