// SPDX-License-Identifier: Apache-2.0
// Random nodes that make packets and open scopes.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>

#include "costly.h"

namespace flowrun::test {

/// Opens `count` scopes for each packet of its input, or for none.
template <bool in_succession>
struct Scopes : Open, Costly {
  int count = 1;
  std::string prefix = "scope";
  static void describe(Description<Scopes>& d) {
    describe_costs(d);
    d.template optional_input<Parcel>("item").template scope_output<Parcel>("scope");
    d.option("count", &Scopes::count, "scopes").input_list();
    d.option("prefix", &Scopes::prefix, "of their names");
    if constexpr (in_succession) d.successive();
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.out("scope", out());
  }
  flowrun::Scopes open(Inputs& in) override {
    const Parcels item = in.has("item") ? in.share<Parcel>("item") : nullptr;
    const auto next = [this, item, from = in.index(), at = 0]() mutable -> std::optional<NewScope> {
      if (at == count) return {};
      const auto number = static_cast<std::uint64_t>(at++);
      const std::uint64_t value = mix(item ? item->value : 0, number);
      return NewScope{fmt::format("{}-{}-{}", prefix, from, number), {}, [this, value](Outputs& out) {
                        send_one(value, out);
                      }};
    };
    return {next, static_cast<std::uint64_t>(count)};
  }
  void send_one(std::uint64_t value, Outputs& outputs) const {
    const Buffer scratch(working());
    work_on(value);
    outputs.emit("scope", Parcel{changed(value), Buffer(out())});
  }
};

/// What both kinds of makers do.
struct Maker : Make, Costly {
  int count = 1;
  bool is_exact = false;     ///< else up to so many, as the input tells
  bool tells_total = false;  ///< else only the last packet tells that it is the last
  bool holds_input = false;

  template <class T>
  static void describe_maker(Description<T>& d) {
    describe_costs(d);
    d.option("count", &Maker::count, "packets of each input");
    d.option("exact", &Maker::is_exact, "always so many");
    d.option("tells_total", &Maker::tells_total, "how many there are is known");
    d.option("holds", &Maker::holds_input, "the input until all are made");
    d.template output<Parcel>("item");
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.out("item", out());
  }
  Packets packets(std::uint64_t value, const Parcels& held) const {
    const auto most = static_cast<std::uint64_t>(count);
    const std::uint64_t here = is_exact ? most : mix(value, 5) % (most + 1);
    Packets all(
        here, [this, value, held](std::uint64_t number, Outputs& out) { send_one(mix(value, number), out); });
    if (!tells_total) all.total = {};
    return all;
  }
  void send_one(std::uint64_t value, Outputs& outputs) const {
    const Buffer scratch(working());
    work_on(value);
    if (!drops(value)) outputs.emit("item", Parcel{changed(value), Buffer(out())});
  }
};

struct Source : Maker {
  static void describe(Description<Source>& d) { describe_maker(d); }
  Packets make(Inputs&) override { return packets(1, nullptr); }
};

struct Split : Maker {
  static void describe(Description<Split>& d) {
    describe_maker(d);
    d.input<Parcel>("item");
  }
  Packets make(Inputs& in) override {
    const Buffer scratch(working());
    const Parcels item = in.share<Parcel>("item");
    kept<Kept>(in, *this);
    work_on(mix(item->value, 4));
    return packets(item->value, holds_input ? item : nullptr);
  }
};

}  // namespace flowrun::test
