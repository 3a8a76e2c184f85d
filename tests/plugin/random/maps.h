// SPDX-License-Identifier: Apache-2.0
// Random nodes that make of each packet at most one on each output.
#pragma once

#include "costly.h"

namespace flowrun::test {

/// A Map whose calls may drop and fail; `value` decides.
struct RandomMap : Map, Costly {
  void plan(Costs& costs) override { add_to(costs); }
  void process(Inputs& in, Outputs& out) override {
    const Buffer scratch(working());
    kept<Kept>(in, *this);
    const std::uint64_t value = value_of(in);
    work_on(value);
    if (!drops(value)) return emit(in, out, value);
    if (value % 2 == 0) out.drop("even");
  }
  virtual std::uint64_t value_of(const Inputs& in) const { return in.get<Parcel>("item").value; }
  virtual void emit(Inputs& in, Outputs& out, std::uint64_t value) const = 0;
};

struct Forward : RandomMap {
  static void describe(Description<Forward>& d) {
    describe_costs(d);
    d.input<Parcel>("item").output<Parcel>("item");
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.forwards("item");
  }
  void emit(Inputs&, Outputs& out, std::uint64_t) const override { out.forward("item"); }
};

struct Renew : RandomMap {
  static void describe(Description<Renew>& d) {
    describe_costs(d);
    d.input<Parcel>("item").output<Parcel>("item");
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.out("item", out());
  }
  void emit(Inputs&, Outputs& outputs, std::uint64_t value) const override {
    outputs.emit("item", Parcel{changed(value), Buffer(out())});
  }
};

/// Changes the packet itself where nobody else has it.
struct Change : RandomMap {
  static void describe(Description<Change>& d) {
    describe_costs(d);
    d.input<Parcel>("item").output<Parcel>("item");
  }
  void emit(Inputs& in, Outputs& out, std::uint64_t value) const override {
    Parcel parcel = in.take<Parcel>("item");
    parcel.value = changed(value);
    out.emit("item", std::move(parcel));
  }
};

/// Needs, and emits, as much as the packet tells.
struct Ask : RandomMap {
  static void describe(Description<Ask>& d) {
    describe_costs(d);
    d.input<Parcel>("item").output<Parcel>("item");
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.out("item", out());
  }
  CallBytes bytes(const Inputs& in) const override {
    const std::size_t quarters = mix(in.get<Parcel>("item").value, 6) % 5;
    return {out() * quarters / 4, working() * quarters / 4};
  }
  void process(Inputs& in, Outputs& outputs) override {
    const CallBytes needed = bytes(in);
    const Buffer scratch(needed.scratch);
    const std::uint64_t value = value_of(in);
    work_on(value);
    if (!drops(value)) outputs.emit("item", Parcel{changed(value), Buffer(needed.out)});
  }
  void emit(Inputs&, Outputs&, std::uint64_t) const override {}
};

/// Sends each packet one of two ways.
struct Sieve : RandomMap {
  static void describe(Description<Sieve>& d) {
    describe_costs(d);
    d.input<Parcel>("item").output<Parcel>("item").output<Parcel>("other");
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.forwards("item");
    costs.forwards("other");
  }
  void emit(Inputs&, Outputs& out, std::uint64_t value) const override {
    out.forward(value % 3 == 0 ? "other" : "item");
  }
};

/// Forwards the packet and emits another.
struct Fork : RandomMap {
  static void describe(Description<Fork>& d) {
    describe_costs(d);
    d.input<Parcel>("item").output<Parcel>("item").output<Parcel>("other");
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.forwards("item");
    costs.out("other", out());
  }
  void emit(Inputs&, Outputs& outputs, std::uint64_t value) const override {
    outputs.forward("item");
    outputs.emit("other", Parcel{changed(value), Buffer(out())});
  }
};

/// Joins two packets, or three.
struct Join : RandomMap {
  static void describe(Description<Join>& d) {
    describe_costs(d);
    d.input<Parcel>("item").input<Parcel>("with").optional_input<Parcel>("third").output<Parcel>("item");
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.out("item", out());
  }
  std::uint64_t value_of(const Inputs& in) const override {
    const std::uint64_t two = mix(in.get<Parcel>("item").value, in.get<Parcel>("with").value);
    return in.has("third") ? mix(two, in.get<Parcel>("third").value) : two;
  }
  void emit(Inputs&, Outputs& outputs, std::uint64_t value) const override {
    outputs.emit("item", Parcel{changed(value), Buffer(out())});
  }
};

/// Forwards the second of two packets.
struct JoinForward : RandomMap {
  static void describe(Description<JoinForward>& d) {
    describe_costs(d);
    d.input<Parcel>("item").input<Parcel>("with").output<Parcel>("item");
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.forwards("item", "with");
  }
  void emit(Inputs&, Outputs& out, std::uint64_t) const override { out.forward("item", "with"); }
};

/// Forwards two packets when both are there.
struct Gate : RandomMap {
  static void describe(Description<Gate>& d) {
    describe_costs(d);
    d.input<Parcel>("item").input<Parcel>("with").output<Parcel>("item").output<Parcel>("other");
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.forwards("item");
    costs.forwards("other", "with");
  }
  void emit(Inputs&, Outputs& out, std::uint64_t) const override {
    out.forward("item");
    out.forward("other", "with");
  }
};

/// Uses one packet for the whole scope.
struct Tint : RandomMap {
  static void describe(Description<Tint>& d) {
    describe_costs(d);
    d.input<Parcel>("item").scope_input<Parcel>("by").output<Parcel>("item");
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.out("item", out());
  }
  std::uint64_t value_of(const Inputs& in) const override {
    return mix(in.get<Parcel>("item").value, in.get<Parcel>("by").value);
  }
  void emit(Inputs&, Outputs& outputs, std::uint64_t value) const override {
    outputs.emit("item", Parcel{changed(value), Buffer(out())});
  }
};

/// Forwards one packet of the scope for each that comes.
struct Stamp : RandomMap {
  static void describe(Description<Stamp>& d) {
    describe_costs(d);
    d.input<Parcel>("item").scope_input<Parcel>("by").output<Parcel>("item");
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.forwards("item", "by");
  }
  void emit(Inputs&, Outputs& out, std::uint64_t) const override { out.forward("item", "by"); }
};

}  // namespace flowrun::test
