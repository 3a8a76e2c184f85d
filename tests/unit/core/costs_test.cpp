// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/costs.h>

using namespace flowrun;

TEST_CASE("what is told of packets holds of those that are made of them, unless it is told anew") {
  NodeType type;
  type.inputs = {{"first", "test.item/1"}, {"second", "test.item/1"}};
  type.outputs = {{"made", "test.item/1"}, {"new", "test.item/1"}, {"forwarded", "test.item/1"}};
  Costs costs;
  costs.told_of_inputs = {{"first", {{"folds", 2}}}, {"second", {{"folds", 3}, {"pixels", 7}}}};
  CHECK(costs.told("second", "pixels") == 7);
  CHECK(!costs.told("first", "pixels"));
  CHECK(!costs.told("third", "pixels"));
  costs.tell("new", "folds", 0);
  costs.forwards("forwarded", "second");
  costs.set_defaults(type);
  CHECK(costs.outputs.at("made").told == Costs::Told{{"folds", 2}, {"pixels", 7}});
  CHECK(costs.outputs.at("new").told == Costs::Told{{"folds", 0}, {"pixels", 7}});
  CHECK(costs.outputs.at("forwarded").told == Costs::Told{{"folds", 3}, {"pixels", 7}});
}
