// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "costly.h"

namespace flowrun::test {

/// Gathers `size` packets, then passes them on one by one, each when another one comes.
struct Relay : Gather, Costly {
  int size = 3;
  struct Items : Kept {
    std::vector<Parcels> gathered;
    std::deque<Parcels> ready;
  };
  static void describe(Description<Relay>& d) {
    describe_costs(d);
    d.input<Parcel>("item").output<Parcel>("item");
    d.option("size", &Relay::size, "packets that are gathered").at_least(1);
  }
  void plan(Costs& costs) override {
    add_to(costs);
    costs.holds = static_cast<std::size_t>(size) - 1;
    costs.forwards("item");
  }
  static void emit(const Parcel& parcel, Outputs& outputs) {
    outputs.emit("item", Parcel{parcel.value, parcel.bytes.shared()});
  }
  void process(Inputs& in, Outputs& outputs) override {
    const Buffer scratch(working());
    const std::uint64_t value = in.get<Parcel>("item").value;
    work_on(value);
    if (drops(value)) return outputs.drop("not wanted");
    auto& items = kept<Items>(in, *this);
    items.gathered.push_back(in.share<Parcel>("item"));
    if (items.gathered.size() == static_cast<std::size_t>(size))
      for (Parcels& each : std::exchange(items.gathered, {})) items.ready.push_back(std::move(each));
    if (items.ready.empty()) return;
    const Parcels next = std::move(items.ready.front());
    items.ready.pop_front();
    emit(*next, outputs);
  }
  Packets finish(Inputs& in, Outputs&) override {
    const Buffer scratch(working());
    auto& items = kept<Items>(in, *this);
    auto rest = std::exchange(items.ready, {});
    for (Parcels& each : items.gathered) rest.push_back(std::move(each));
    const std::uint64_t count = rest.size();
    return {count, [this, rest = std::move(rest)](std::uint64_t number, Outputs& outputs) {
              const Buffer more_scratch(working());
              emit(*rest[number], outputs);
            }};
  }
};

}  // namespace flowrun::test
