// SPDX-License-Identifier: Apache-2.0
// Random nodes at which packets end; each notes a sum of what came to it in a scope.
#pragma once

#include <fmt/format.h>

#include <map>
#include <string>

#include "costly.h"

namespace flowrun::test {

/// The order of the packets does not matter to its sum.
struct Sink : Map, Costly {
  struct Sum : Kept {
    std::atomic<std::uint64_t> value = 0;
  };
  static void describe(Description<Sink>& d) {
    describe_costs(d);
    d.input<Parcel>("item");
  }
  void plan(Costs& costs) override { add_to(costs); }
  void process(Inputs& in, Outputs&) override {
    const Buffer scratch(working());
    const std::uint64_t value = in.get<Parcel>("item").value;
    work_on(value);
    kept<Sum>(in, *this).value += value;
  }
  void finish(Inputs& in, Outputs& out) override {
    const Buffer scratch(working());
    out.note(fmt::format("sum {:016x}", in.state<Sum>().value.load()));
  }
};

/// The order matters. Its actions hold scratch, and the packet if it is told to.
struct Record : Write, Costly {
  bool holds_input = false;
  int action_fails_one_in = 0;
  struct Sum : Kept {
    std::uint64_t value = 0;
  };
  static void describe(Description<Record>& d) {
    describe_costs(d);
    d.input<Parcel>("item").optional_input<Parcel>("with").optional_scope_input<Parcel>("by");
    d.option("holds", &Record::holds_input, "the packet until its turn");
    d.option("action_fails", &Record::action_fails_one_in, "one action in so many fails");
  }
  void plan(Costs& costs) override { add_to(costs); }
  Action process(Inputs& in, Outputs&) override {
    const auto scratch = std::make_shared<const Buffer>(working());
    std::uint64_t value = in.get<Parcel>("item").value;
    for (const char* more : {"with", "by"})
      if (in.has(more)) value = mix(value, in.get<Parcel>(more).value);
    work_on(value);
    if (drops(value)) return {};
    const Parcels held = holds_input ? in.share<Parcel>("item") : nullptr;
    return [this, scratch, held, value, &sum = kept<Sum>(in, *this)] {
      if (picks(value, 8, action_fails_one_in)) throw Error("it was this action's turn to fail");
      sum.value = mix(sum.value, value);
    };
  }
  void finish(Inputs& in, Outputs& out) override {
    const Buffer scratch(working());
    out.note(fmt::format("sum {:016x}", in.state<Sum>().value));
  }
};

/// Gathers a sum of each scope, in whose order the packets matter, and emits `count` packets made of those of
/// the scopes that are done.
struct Fold : GatherScopes, Costly {
  int count = 1;
  int model_bytes = 0;
  bool holds_input = false;
  struct Sum : Kept {
    std::uint64_t value = 0;
  };
  static void describe(Description<Fold>& d) {
    describe_costs(d);
    d.input<Parcel>("item").optional_scope_input<Parcel>("by").output<Parcel>("sum");
    d.option("count", &Fold::count, "packets at the end");
    d.option("keeps_for_run", &Fold::model_bytes, "bytes");
    d.option("holds", &Fold::holds_input, "the packet until its turn");
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.keeps_for_run = static_cast<std::size_t>(model_bytes);
    costs.out("sum", out());
  }
  Action process(Inputs& in, Outputs&) override {
    std::call_once(once_, [&] { model_ = Buffer(static_cast<std::size_t>(model_bytes)); });
    const auto scratch = std::make_shared<const Buffer>(working());
    const std::uint64_t value = in.get<Parcel>("item").value;
    work_on(value);
    if (drops(value)) return {};
    const Parcels held = holds_input ? in.share<Parcel>("item") : nullptr;
    return [scratch, held, value, &sum = kept<Sum>(in, *this)] { sum.value = mix(sum.value, value); };
  }
  void finish(Inputs& in, Outputs& out) override {
    const Buffer scratch(working());
    const std::uint64_t by = in.has("by") ? in.get<Parcel>("by").value : 0;
    out.keep(std::to_string(mix(in.state<Sum>().value, by)));
  }
  Packets finish_run(Inputs& in, Outputs& out) override {
    const Buffer scratch(working());
    std::uint64_t sum = 0;
    for (const std::string& scope : in.done_scopes()) sum = mix(sum, std::stoull(in.kept(scope)));
    out.note(fmt::format("sum {:016x}", sum));
    return {static_cast<std::uint64_t>(count), [this, sum](std::uint64_t number, Outputs& outputs) {
              const Buffer more_scratch(working());
              outputs.emit("sum", Parcel{mix(sum, number), Buffer(this->out())});
            }};
  }

 private:
  std::once_flag once_;
  Buffer model_;
};

}  // namespace flowrun::test
