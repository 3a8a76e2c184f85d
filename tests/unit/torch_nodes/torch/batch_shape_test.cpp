// SPDX-License-Identifier: Apache-2.0
#include "nodes/torch/batch_shape.h"

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <flowrun/torch/batch.h>

using namespace flowrun;
using namespace flowrun::torch_nodes;

TEST_CASE("the shape of batches is what the plan was told") {
  Costs costs;
  costs.inputs = {{"batch", Batch::bytes_of(7, 300 * 200)}};
  CHECK(!shape_of_batches(costs, "batch"));
  costs.told_of_inputs["batch"][std::string(Batch::told_pixels)] = 300 * 200;
  const auto shape = shape_of_batches(costs, "batch");
  REQUIRE(shape);
  CHECK(shape->images == 7);
  CHECK(shape->side == 245);  // whose square has as many pixels at least
  costs.told_of_inputs["batch"][std::string(Batch::told_pixels)] = 224 * 224;
  costs.inputs["batch"] = Batch::bytes_of(1, 224 * 224);
  CHECK(shape_of_batches(costs, "batch")->images == 1);
  CHECK(shape_of_batches(costs, "batch")->side == 224);
}
