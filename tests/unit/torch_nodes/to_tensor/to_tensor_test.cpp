// SPDX-License-Identifier: Apache-2.0
#include "nodes/to_tensor/to_tensor.h"

#include <ATen/Functions.h>
#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/torch/batch.h>
#include <flowrun/wsi/tile.h>

#include <memory>
#include <opencv2/core.hpp>

#include "support.h"

using namespace flowrun;
using namespace flowrun::torch_nodes;

namespace {

/// Samples of two classes, the last `validation` of them for validation; each has one colour, its number.
std::vector<wsi::Tile> samples(int training, int validation, int side = 4) {
  auto set = std::make_shared<wsi::SampleSet>();
  set->classes = {"a", "b"};
  set->class_draws = {7, 9};
  set->epochs = 5;
  set->training_samples = static_cast<std::uint64_t>(training);
  std::vector<wsi::Tile> tiles;
  for (int i = 0; i < training + validation; ++i) {
    wsi::Tile tile;
    tile.pixels = cv::Mat(side, side, CV_8UC3, cv::Scalar(i, 100, 255));
    tile.x = 10 * i;
    auto facts = std::make_shared<wsi::SlideFacts>();
    facts->name = "slide";
    tile.slide = std::move(facts);
    auto sample = std::make_shared<wsi::Sample>();
    sample->set = set;
    sample->label = static_cast<std::size_t>(i % 2);
    sample->validation = i >= training;
    sample->epoch = 3;
    tile.sample = std::move(sample);
    tiles.push_back(std::move(tile));
  }
  return tiles;
}

void plan(ToTensor& node) {
  Costs costs;
  costs.inputs["tile"] = 4 * 4 * 3;
  node.plan(costs);
}

std::unique_ptr<testing::NodeRunner<ToTensor>> batches(const std::vector<wsi::Tile>& tiles, int size,
                                                       bool drop_last = false) {
  auto runner = std::make_unique<testing::NodeRunner<ToTensor>>();
  runner->node().batch = size;
  runner->node().drop_last = drop_last;
  plan(runner->node());
  for (const wsi::Tile& tile : tiles) runner->input("tile", tile).process();
  runner->finish();
  return runner;
}

std::string sizes(const std::unique_ptr<testing::NodeRunner<ToTensor>>& runner) {
  std::string text;
  for (std::size_t i = 0; i < runner->emitted("batch"); ++i) {
    const auto& batch = runner->output<Batch>("batch", i);
    text += std::to_string(batch.images.size(0)) + (batch.validation ? "v " : "t ");
  }
  return text;
}

}  // namespace

TEST_CASE("training and validation samples come in order and never in one batch") {
  CHECK(sizes(batches(samples(7, 5), 3)) == "3t 3t 1t 3v 2v ");
  CHECK(sizes(batches(samples(6, 3), 3)) == "3t 3t 3v ");
  CHECK(sizes(batches(samples(2, 1), 1)) == "1t 1t 1v ");
  CHECK(sizes(batches(samples(2, 0), 8)) == "2t ");
  CHECK(sizes(batches(samples(7, 5), 3, true)) == "3t 3t 3v 2v ");
  CHECK(batches(samples(7, 5), 3, true)->notes() ==
        std::vector<std::string>{"1 training samples were left over from the last batch"});
}

TEST_CASE("a batch says what it has and where that is from") {
  const auto runner = batches(samples(4, 3), 3);
  const auto& batch = runner->output<Batch>("batch", 1);
  CHECK(batch.labels.equal(at::tensor({1}, at::kLong)));
  CHECK(batch.samples.size() == 1);
  CHECK(batch.samples[0].slide == "slide");
  CHECK(batch.samples[0].x == 30);
  CHECK(batch.epoch == 3);
  CHECK(batch.epochs == 5);
  CHECK(batch.training_batches == 2);
  CHECK(*batch.classes == std::vector<std::string>{"a", "b"});
  CHECK(*batch.class_draws == std::vector<std::uint64_t>{7, 9});
  CHECK(batches(samples(4, 3), 3, true)->output<Batch>("batch").training_batches == 1);
}

TEST_CASE("images are as torchvision's ToTensor and Normalize make them") {
  wsi::Tile tile = samples(1, 0, 5).front();
  cv::randu(tile.pixels, cv::Scalar::all(0), cv::Scalar::all(256));
  const cv::Mat cropped = cv::Mat(9, 9, CV_8UC3, cv::Scalar::all(7))(cv::Rect(2, 2, 5, 5));
  tile.pixels.copyTo(cropped);
  tile.pixels = cropped;  // rows that are not adjacent
  const auto runner = batches({tile}, 1);
  const at::Tensor& images = runner->output<Batch>("batch").images;
  CHECK((images.sizes() == at::IntArrayRef{1, 3, 5, 5}));
  CHECK((images.scalar_type() == at::kFloat));
  const double mean[] = {0.485, 0.456, 0.406}, std[] = {0.229, 0.224, 0.225};
  for (int channel = 0; channel < 3; ++channel)
    for (int row = 0; row < 5; ++row)
      for (int column = 0; column < 5; ++column) {
        const double v = tile.pixels.at<cv::Vec3b>(row, column)[channel];
        CHECK(images[0][channel][row][column].item<float>() ==
              doctest::Approx((v / 255 - mean[channel]) / std[channel]).epsilon(1e-6));
      }
}

TEST_CASE("mixed sizes and tiles that are no samples are refused by name") {
  auto tiles = samples(2, 0);
  tiles[1].pixels = cv::Mat(4, 6, CV_8UC3, cv::Scalar::all(0));
  CHECK_THROWS_WITH_AS(
      batches(tiles, 2),
      "the images of a batch must be of one size, but slide, x 10, y 0 has 6 x 4 pixels and slide, x "
      "0, y 0 has 4 x 4",
      Error);
  tiles[0].sample = nullptr;
  CHECK_THROWS_WITH_AS(batches(tiles, 2), doctest::Contains("is no sample of a training"), Error);
  ToTensor node;
  node.mean = {0.5};
  CHECK_THROWS_WITH_AS(plan(node), "expected three numbers", OptionError);
}

TEST_CASE("the memory of a batch's samples is leased as long as anybody has the batch") {
  testing::NodeRunner<ToTensor> runner;
  runner.node().batch = 2;
  plan(runner.node());
  for (const wsi::Tile& tile : samples(3, 0)) runner.input("tile", tile, 100).process();
  runner.expect_emitted("batch", 1);
  CHECK(runner.leased() >= 300);
  runner.forget();
  CHECK(runner.leased() == 100);
  runner.finish().expect_emitted("batch", 1);  // of the rest, under a lease of its own
  CHECK(runner.leased() == 0);
}

TEST_CASE("a batch costs what all of its samples cost as numbers") {
  testing::NodeRunner<ToTensor> runner;
  runner.option("batch", "5");
  const Costs costs = runner.plan({{"tile", 48}});
  CHECK(costs.outputs.at("batch").bytes == 5 * (48 * 4 + 8));
  CHECK(costs.outputs.at("batch").told.at("pixels") == 16);
  CHECK(costs.holds == 4);
}
