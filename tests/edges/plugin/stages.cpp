// SPDX-License-Identifier: Apache-2.0
// Stages in the middle of a graph.
#include <cstddef>
#include <cstdint>
#include <utility>

#include "cases.h"

namespace cases {
namespace {

using namespace flowrun;

/// Sends each item on. Item 0 of each group takes `slow_first` ms, so that all others overtake it.
struct Pass : Map {
  int slow_first = 0;

  static void describe(Description<Pass>& d) {
    d.summary("Sends items on.").input<Item>("item").output<Item>("item");
    d.option("slow_first", &Pass::slow_first, "ms that item 0 takes");
  }
  void plan(Costs& costs) override { costs.forwards("item"); }
  void process(Inputs& in, Outputs& out) override {
    if (in.index() == 0) nap(slow_first);
    out.forward("item");
  }
};

/// Joins two or three streams by index and sends the item of the first one on.
template <int Streams>
struct Join : Map {
  static void describe(Description<Join>& d) {
    d.summary("Joins items.").template input<Item>("a").template input<Item>("b");
    if (Streams == 3) d.template input<Item>("c");
    d.template output<Item>("item");
  }
  void plan(Costs& costs) override { costs.forwards("item"); }
  void process(Inputs&, Outputs& out) override { out.forward("item"); }
};

/// Leases for each item what only the item tells, as `detect` does for a slide's mask.
struct Lease : Map {
  int mib = 1;

  static void describe(Description<Lease>& d) {
    d.summary("Leases for each item.").input<Item>("item").output<Item>("item");
    d.option("mib", &Lease::mib, "MiB of each");
  }
  void plan(Costs& costs) override { costs.out("item", std::size_t(mib) * MiB); }
  CallBytes bytes(const Inputs&) const override { return {.out = std::size_t(mib) * MiB}; }
  void process(Inputs& in, Outputs& out) override {
    out.emit("item", Item{in.get<Item>("item").value, filled(std::size_t(mib) * MiB)});
  }
};

/// Needs temporary bytes for 200 ms, and says so.
struct Scratch : Map {
  int mib = 1;

  static void describe(Description<Scratch>& d) {
    d.summary("Needs temporary bytes.").input<Item>("item").output<Item>("item");
    d.option("mib", &Scratch::mib, "MiB during a call");
  }
  void plan(Costs& costs) override {
    costs.scratch = std::size_t(mib) * MiB;
    costs.forwards("item");
  }
  void process(Inputs&, Outputs& out) override {
    const auto temporary = filled(std::size_t(mib) * MiB);
    nap(200);
    out.forward("item");
  }
};

/// Emits all it has at the end of a group, as a node that gathers may. What an item costs is declared.
struct EmitAtEnd : Gather {
  int count = 10;
  int kib = 0;

  static void describe(Description<EmitAtEnd>& d) {
    d.summary("Emits at the end of a group.").input<Item>("item").output<Item>("item");
    d.option("count", &EmitAtEnd::count, "how many items");
    d.option("kib", &EmitAtEnd::kib, "KiB of each");
  }
  void plan(Costs& costs) override { costs.out("item", std::size_t(kib) * KiB); }
  void process(Inputs&, Outputs&) override {}
  Packets finish(Inputs&, Outputs&) override {
    return {std::uint64_t(count), [this](std::uint64_t number, Outputs& out) {
              out.emit("item", Item{int(number), filled(std::size_t(kib) * KiB)});
            }};
  }
};

}  // namespace

void add_stages(Registry& registry) {
  registry.node<Pass>("case_pass")
      .node<Join<2>>("case_join2")
      .node<Join<3>>("case_join3")
      .node<Lease>("case_lease")
      .node<Scratch>("case_scratch")
      .node<EmitAtEnd>("case_emit_at_end");
}

}  // namespace cases
