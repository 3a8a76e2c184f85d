// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "costly.h"

namespace flowrun::test {

/// Gathers `size` packets, or fewer where a packet wants it, and makes `rest` packets of what is left over.
struct Bundle : Gather, Costly {
  int size = 3;
  int rest = 1;
  int early_one_in = 0;
  bool holds_inputs = true;
  struct Items : Kept {
    std::vector<Parcels> held;
    std::size_t count = 0;
    std::uint64_t sum = 0;
  };
  static void describe(Description<Bundle>& d) {
    describe_costs(d);
    d.input<Parcel>("item").optional_input<Parcel>("with").output<Parcel>("bundle");
    d.option("size", &Bundle::size, "packets in a bundle; 0: all of the scope").at_least(0);
    d.option("rest", &Bundle::rest, "packets at the end");
    d.option("early", &Bundle::early_one_in, "one packet in so many ends its bundle");
    d.option("holds", &Bundle::holds_inputs, "the packets until their bundle is made");
  }
  bool takes_all() const { return size == 0; }
  /// Bytes of a bundle of so many packets.
  std::size_t of(std::size_t packets) const { return packets * out(); }
  std::size_t most() const { return takes_all() ? 1 : static_cast<std::size_t>(size); }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.holds = most() - 1;
    costs.out("bundle", of(most()));
  }
  void process(Inputs& in, Outputs& outputs) override {
    const Buffer scratch(working());
    std::uint64_t value = in.get<Parcel>("item").value;
    if (in.has("with")) value = mix(value, in.get<Parcel>("with").value);
    work_on(value);
    if (drops(value)) return outputs.drop("not wanted");
    auto& items = kept<Items>(in, *this);
    items.sum = mix(items.sum, value);
    ++items.count;
    if (takes_all()) return;
    if (holds_inputs) items.held.push_back(in.share<Parcel>("item"));
    if (items.count < most() && !picks(value, 7, early_one_in)) return;
    outputs.emit("bundle", Parcel{items.sum, Buffer(of(items.count))});
    items.held.clear();
    items.count = items.sum = 0;
  }
  Packets finish(Inputs& in, Outputs&) override {
    const Buffer scratch(working());
    auto& items = kept<Items>(in, *this);
    return {static_cast<std::uint64_t>(rest), [this, &items](std::uint64_t number, Outputs& outputs) {
              const Buffer more_scratch(working());
              work_on(mix(items.sum, number));
              outputs.emit("bundle", Parcel{mix(items.sum, number), Buffer(of(most()))});
            }};
  }
};

}  // namespace flowrun::test
