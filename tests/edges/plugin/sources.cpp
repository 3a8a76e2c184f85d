// SPDX-License-Identifier: Apache-2.0
// Sources: groups, which are scopes, and numbers within them.
#include <cstdint>
#include <optional>
#include <string>

#include "cases.h"

namespace cases {
namespace {

using namespace flowrun;

/// Opens `count` groups: prefix0, prefix1, ...
struct Groups : Open {
  int count = 3;
  bool same = false;
  std::string prefix = "g";
  int fail_at = -1;

  static void describe(Description<Groups>& d) {
    d.summary("Opens groups.").scope_output<Group>("group");
    d.option("count", &Groups::count, "how many").input_list();
    d.option("same", &Groups::same, "all have the name `prefix`, which is a plugin's mistake");
    d.option("prefix", &Groups::prefix, "what names begin with");
    d.option("fail_at", &Groups::fail_at, "this one cannot be opened; -1: all can");
  }

  Scopes open(Inputs&) override {
    const auto next = [this, at = 0]() mutable -> std::optional<NewScope> {
      if (at == count) return {};
      const int number = at++;
      const std::string text = std::to_string(number);
      return NewScope{prefix + (same ? "" : text), {{"number", text}}, [this, number](Outputs& out) {
                        if (number == fail_at) throw Error("cannot be opened");
                        out.emit("group", Group{number});
                      }};
    };
    return {next, std::uint64_t(count)};
  }
};

/// Makes `count` items in each group. What they cost is declared.
struct Numbers : Make {
  int count = 10;
  int kib = 0;
  bool stray = false;

  static void describe(Description<Numbers>& d) {
    d.summary("Makes items.").input<Group>("group").output<Item>("item");
    d.option("count", &Numbers::count, "how many in each group");
    d.option("kib", &Numbers::kib, "KiB of each");
    d.option("stray", &Numbers::stray, "ends scopes, which it does not gather: a plugin's mistake");
  }
  void plan(Costs& costs) override { costs.out("item", std::size_t(kib) * KiB + sizeof(Item)); }

  Packets make(Inputs&) override {
    return {std::uint64_t(count), [this](std::uint64_t number, Outputs& out) {
              out.emit("item", Item{int(number), filled(std::size_t(kib) * KiB)});
              if (stray) out.end_scopes();
            }};
  }
};

}  // namespace

void add_sources(Registry& registry) {
  registry.node<Groups>("case_groups").node<Numbers>("case_numbers");
}

}  // namespace cases
