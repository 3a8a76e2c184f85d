// SPDX-License-Identifier: Apache-2.0
#include "to_tensor.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <flowrun/torch/batch.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "nodes/torch/normalisation.h"
#include "nodes/torch/pieces.h"
#include "nodes/torch/tensor_memory.h"

namespace flowrun::torch_nodes {
namespace {

/// That are normalised by one thread at once: few, so that all threads have some.
constexpr std::int64_t images_a_piece = 2;

/// Where a tile came from, for messages.
std::string name_of(const wsi::Tile& tile) {
  if (tile.sample && !tile.sample->path.empty()) return tile.sample->path.string();
  return fmt::format("{}, x {}, y {}", tile.slide ? tile.slide->name : "tile", tile.x, tile.y);
}

/// Memory from which a GPU copies by itself, where there is one.
at::Tensor empty(at::IntArrayRef sizes, at::ScalarType type) {
  return at::empty(sizes, at::TensorOptions().dtype(type).pinned_memory(at::hasCUDA()));
}

/// The training batches of an epoch.
std::uint64_t batches_of(const wsi::SampleSet& set, std::uint64_t size, bool drop_last) {
  return (set.training_samples + (drop_last ? 0 : size - 1)) / size;
}

}  // namespace

void ToTensor::describe(Description<ToTensor>& d) {
  d.summary("Makes batches of samples: float32 tensors of samples x 3 x height x width, normalised.")
      .details(
          "Pixels are scaled to 0 to 1, then `mean` is subtracted and divided by `std`, by default those of "
          "ImageNet, which pretrained models expect. Batches have the samples in the order of the epoch; "
          "training, validation and test samples are never in one batch. All images must be of one size. "
          "Where "
          "there is a GPU, batches lie in pinned memory. A batch holds the memory leases of its samples.")
      .example("batches: {type: to_tensor, from: samples, batch: 2}")
      .input<wsi::Tile>("tile")
      .output<Batch>("batch");
  d.option("batch", &ToTensor::batch, "samples in a batch; the last of an epoch may have fewer")
      .at_least(1)
      .at_most(65536);
  d.option("drop_last", &ToTensor::drop_last, "leave out training samples that do not fill a batch");
  d.option("mean", &ToTensor::mean, "of R, G, B, scaled to 0 to 1: subtracted");
  d.option("std", &ToTensor::std, "of R, G, B: divided by").above(0);
}

void ToTensor::plan(Costs& costs) {
  if (mean.size() != 3) throw OptionError("mean", "expected three numbers", "R, G, B: [0.485, 0.456, 0.406]");
  if (std.size() != 3) throw OptionError("std", "expected three numbers", "R, G, B: [0.229, 0.224, 0.225]");
  threads_ = static_cast<int>(costs.threads);
  normalisation_ = std::make_shared<Normalisation>(mean, std);
  rank_ = rank_of_process();
  keep_tensor_memory();  // each batch takes the same again
  costs.holds = most_tiles() - 1;
  const std::size_t pixels = costs.in("tile") / 3;
  costs.out("batch", Batch::bytes_of(most_tiles(), pixels));
  costs.tell("batch", Batch::told_pixels, static_cast<std::int64_t>(pixels));
}

/// Of a batch, that this rank has.
std::size_t ToTensor::most_tiles() const {
  return static_cast<std::size_t>((batch + rank_.count - 1) / rank_.count);
}

/// By its place in the epoch, so that ranks agree.
ToTensor::Place ToTensor::place_of(const wsi::Tile& tile, std::uint64_t index) const {
  const wsi::SampleSet& set = *tile.sample->set;
  const std::uint64_t validation = set.training_samples, test = validation + set.validation_samples;
  const std::uint64_t first = tile.sample->test ? test : tile.sample->validation ? validation : 0;
  const std::uint64_t end = tile.sample->test         ? test + set.test_samples
                            : tile.sample->validation ? test
                                                      : validation;
  const auto size = static_cast<std::uint64_t>(batch);
  const std::uint64_t number = (index - first) / size, from = first + number * size;
  return {number, from, std::min(from + size, end)};
}

void ToTensor::process(Inputs& in, Outputs& out) {
  const auto tile = in.share<wsi::Tile>("tile");
  auto& gathered = in.state<Gathered>();
  auto& tiles = gathered.tiles;
  if (!tile->sample)
    throw Error(fmt::format("{}: the tile is no sample of a training; batches are made of what 'load' reads",
                            name_of(*tile)));
  if (drop_last && tile->sample->set->training_samples < static_cast<std::uint64_t>(batch))
    throw Error(
        fmt::format("drop_last leaves nothing to train with: {} training samples do not fill a batch of {}",
                    tile->sample->set->training_samples, batch));
  if (batch < rank_.count)
    throw Error(
        fmt::format("a batch of {} samples is less than one for each of {} ranks: set `batch` higher, or "
                    "start fewer",
                    batch, rank_.count));
  const bool shares = rank_.count > 1;
  const Place place = shares ? place_of(*tile, in.index()) : Place{};
  const auto emit_gathered = [&](std::uint64_t next) {
    const Gathered rest = std::exchange(gathered, {{}, next});
    if (!is_left_out(rest, out)) emit(rest, in.scope(), out);
  };
  if (!tiles.empty()) {
    const wsi::Tile& first = *tiles.front();
    if (tile->pixels.size() != first.pixels.size())
      throw Error(fmt::format(
          "the images of a batch must be of one size, but {} has {} x {} pixels and {} has {} x {}",
          name_of(*tile), tile->pixels.cols, tile->pixels.rows, name_of(first), first.pixels.cols,
          first.pixels.rows));
    const bool other_kind =
        tile->sample->validation != first.sample->validation || tile->sample->test != first.sample->test;
    if (other_kind || (shares && place.batch != gathered.number)) emit_gathered(0);
  }
  if (shares) gathered.number = place.batch;
  tiles.push_back(tile);
  const bool is_full = shares ? in.index() + static_cast<std::uint64_t>(rank_.count) >= place.to
                              : tiles.size() == static_cast<std::size_t>(batch);
  if (is_full) emit_gathered(gathered.number + 1);
}

Packets ToTensor::finish(Inputs& in, Outputs& out) {
  Gathered rest = std::move(in.state<Gathered>());
  if (in.scope().failed() || rest.tiles.empty() || is_left_out(rest, out)) return {};
  // The scope lives until its packets are made.
  return {1, [this, rest = std::move(rest), &scope = in.scope()](std::uint64_t, Outputs& at_end) {
            emit(rest, scope, at_end);
          }};
}

bool ToTensor::is_left_out(const Gathered& gathered, Outputs& out) const {
  const wsi::Sample& sample = *gathered.tiles.front()->sample;
  const std::size_t count = gathered.tiles.size();
  const bool fills = rank_.count > 1 ? (gathered.number + 1) * static_cast<std::uint64_t>(batch) <=
                                           sample.set->training_samples
                                     : count == static_cast<std::size_t>(batch);
  const bool left_out = drop_last && !sample.validation && !fills;
  if (left_out)
    out.note(fmt::format(
        "{} training samples were left over from the last batch",
        rank_.count > 1 ? sample.set->training_samples % static_cast<std::uint64_t>(batch) : count));
  return left_out;
}

void ToTensor::emit(const Gathered& gathered, const Scope& scope, Outputs& out) const {
  const auto& tiles = gathered.tiles;
  const wsi::Tile& first = *tiles.front();
  const wsi::Sample& sample = *first.sample;
  const auto count = static_cast<std::int64_t>(tiles.size());
  Batch made;
  made.images = empty({count, 3, first.pixels.rows, first.pixels.cols}, at::kFloat);
  made.labels = empty({count}, at::kLong);
  const auto targets = static_cast<std::int64_t>(sample.set->targets.size());
  if (targets > 0) {
    made.targets = empty({count, targets}, at::kFloat);
    made.target_names = {sample.set, &sample.set->targets};
  }
  auto* target = targets > 0 ? made.targets.data_ptr<float>() : nullptr;
  float* const planes = made.images.data_ptr<float>();
  const std::size_t image = 3 * first.pixels.total();
  // Calls come one after the other: what takes time in them is done by all threads.
  const auto normalise = [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      normalisation_->write(wsi::rgb_of(*tiles[i]), planes + i * image);
  };
  if (!in_pieces(count, images_a_piece, threads_, scope, normalise)) return;
  auto* labels = made.labels.data_ptr<std::int64_t>();
  for (const auto& tile : tiles) {
    *labels++ = static_cast<std::int64_t>(tile->sample->label);
    if (target) target = std::ranges::copy(tile->sample->targets, target).out;
    made.samples.push_back({tile->slide ? tile->slide->name : "", tile->sample->path.string(), tile->x,
                            tile->y, tile->mpp, tile->sample->patient, tile->sample->number,
                            tile->sample->held_out});
  }
  made.validation = sample.validation;
  made.test = sample.test;
  made.epoch = sample.epoch;
  made.number = gathered.number;
  made.fold = sample.set->fold;
  made.folds = sample.set->folds;
  if (made.folds > 0) made.over = {sample.set, &sample.set->over};
  made.classes = {sample.set, &sample.set->classes};
  made.class_draws = {sample.set, &sample.set->class_draws};
  made.set = sample.set;
  made.epochs = sample.set->epochs;
  made.training_batches = batches_of(*sample.set, static_cast<std::uint64_t>(batch), drop_last);
  std::copy(mean.begin(), mean.end(), made.mean.begin());
  std::copy(std.begin(), std.end(), made.std.begin());
  out.emit("batch", std::move(made));
}

}  // namespace flowrun::torch_nodes
