// SPDX-License-Identifier: Apache-2.0
// A plugin that `check` builds against headers in which class Node has one virtual function more: the
// functions of its nodes are not where the program looks for them.
#include <flowrun/plugin.h>

#include <cstdint>
#include <string_view>

namespace {

using namespace flowrun;

struct Item {
  static constexpr std::string_view packet_type = "changed.item/1";
  int value = 0;
};

/// Makes ten items.
struct Numbers : Make {
  static void describe(Description<Numbers>& d) { d.summary("Makes items.").output<Item>("item"); }
  Packets make(Inputs&) override {
    return {10, [](std::uint64_t number, Outputs& out) { out.emit("item", Item{int(number)}); }};
  }
};

/// Takes items.
struct Sink : Map {
  static void describe(Description<Sink>& d) { d.summary("Takes items.").input<Item>("item"); }
  void process(Inputs&, Outputs&) override {}
};

}  // namespace

FLOWRUN_PLUGIN("changed", "1.0.0", registry) {
  registry.node<Numbers>("changed_numbers").node<Sink>("changed_sink");
}
