// SPDX-License-Identifier: Apache-2.0
#include "embed.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "nodes/slide/slide_files.h"
#include "nodes/torch/device.h"
#include "nodes/torch/encoder.h"
#include "nodes/torch/model_queue.h"
#include "nodes/torch/normalisation.h"
#include "nodes/torch/pieces.h"
#include "nodes/torch/resolution.h"

namespace flowrun::torch_nodes {
namespace {

/// Images that one thread computes with at once on a CPU. Results depend on it in their last digits, so it
/// does not depend on the number of threads.
constexpr std::int64_t images_a_thread = 4;

std::vector<double> listed(const std::array<double, 3>& numbers) {
  return {numbers.begin(), numbers.end()};
}

/// TorchScript tells where in its code something failed, and last what.
std::string last_error(std::string_view told) {
  constexpr std::string_view before_error = "Error: ";
  if (const auto at = told.rfind(before_error); at != std::string_view::npos)
    told.remove_prefix(at + before_error.size());
  return std::string(told.substr(0, told.find('\n')));
}

/// The tile as side x side pixels, as torchvision resizes tensors (bilinear, antialiased), normalised.
void write_scaled(const cv::Mat& rgb, std::int64_t side, const EncoderFacts& facts, at::Tensor image) {
  const cv::Mat whole = rgb.isContinuous() ? rgb : rgb.clone();
  const at::Tensor pixels = at::from_blob(whole.data, {rgb.rows, rgb.cols, 3}, at::kByte);
  at::Tensor scaled = at::_upsample_bilinear2d_aa(
      pixels.permute({2, 0, 1}).unsqueeze(0).to(at::kFloat).contiguous(), {side, side}, false);
  for (std::int64_t c = 0; c < 3; ++c)
    image.select(0, c).copy_(scaled.select(1, c)
                                 .squeeze(0)
                                 .div_(255)
                                 .sub_(facts.mean[static_cast<std::size_t>(c)])
                                 .div_(facts.std[static_cast<std::size_t>(c)]));
}

}  // namespace

/// An encoder on its device, ready for tiles.
struct Embed::Loaded {
  Loaded(std::unique_ptr<ModelQueue> queue, Encoder of, c10::Device on, int threads)
      : queue(std::move(queue)),
        encoder(std::move(of)),
        device(on),
        threads(threads),
        normalisation(listed(encoder.facts.mean), listed(encoder.facts.std)) {}

  /// Undefined when the scope has failed.
  at::Tensor features(const at::Tensor& images, const Scope& scope) const {
    if (!device.is_cpu()) return encode(images);
    std::vector<at::Tensor> parts(
        static_cast<std::size_t>((images.size(0) + images_a_thread - 1) / images_a_thread));
    const bool whole =
        in_pieces(images.size(0), images_a_thread, threads, scope, [&](std::int64_t begin, std::int64_t end) {
          parts[static_cast<std::size_t>(begin / images_a_thread)] = encode(images.slice(0, begin, end));
        });
    return whole ? at::cat(parts) : at::Tensor();
  }

  at::Tensor encode(const at::Tensor& images) const {
    const auto on_host =
        queue->compute(images, [&](const at::Tensor& there) { return std::vector{encoder.encode(there)}; });
    encoder.check(on_host.front(), images.size(0));
    return on_host.front();
  }

  const std::unique_ptr<ModelQueue> queue;
  const Encoder encoder;
  const c10::Device device;
  const int threads;  // of the run
  const Normalisation normalisation;
};

/// Of a slide: tiles of the next batch, and the first of all, without its pixels.
struct Embed::Gathered {
  Tiles tiles;
  std::optional<wsi::Tile> first;
  std::string problem;  // of a batch that was not computed: the slide's features would not be whole
};

Embed::Embed() = default;
Embed::~Embed() = default;

void Embed::plan(Costs& costs) {
  for (const auto& [name, numbers] : {std::pair{"mean", &mean}, std::pair{"std", &std}})
    if (!numbers->empty() && numbers->size() != 3)
      throw OptionError(name, "expected three numbers", "R, G, B: [0.485, 0.456, 0.406]");
  const Computing with = computing_of(device, precision);
  const c10::Device on = with.device;
  const auto loaded = [&](const Computing& to) {
    auto queue = std::make_unique<ModelQueue>(to.device);
    Encoder encoder;
    queue->run([&] { encoder = read_encoder(model, weights, to.device, to.half); });
    EncoderFacts& facts = encoder.facts;
    if (input_size) facts.input_size = *input_size;
    if (!mean.empty()) std::copy(mean.begin(), mean.end(), facts.mean.begin());
    if (!std.empty()) std::copy(std.begin(), std.end(), facts.std.begin());
    if (mpp) facts.mpp = mpp;
    if (pooling != "auto") facts.pooling = pooling;
    if (prefix_tokens) facts.prefix_tokens = *prefix_tokens;
    return std::make_unique<Loaded>(std::move(queue), std::move(encoder), to.device,
                                    static_cast<int>(costs.threads));
  };
  costs.on_device = costs_on(on);
  std::unique_ptr<Loaded> on_host;
  try {
    on_host = loaded(measuring(with));  // what it takes is measured on the CPU
    if (!on.is_cpu()) loaded_ = loaded(with);
  } catch (const Error& problem) {
    throw OptionError("model", problem.what());
  }
  const EncoderFacts& facts = on_host->encoder.facts;
  // Where the encoder takes tiles as they are, these are squares of so many bytes.
  const std::int64_t side = facts.input_size > 0
                                ? facts.input_size
                                : std::lround(std::sqrt(static_cast<double>(costs.in("tile")) / 3));
  std::int64_t dimensions = 0;
  std::size_t activations = 0;  // of an image
  try {
    const at::Tensor image = at::zeros({1, 3, side, side});
    dimensions = on_host->encode(image).size(1);  // the first call compiles
    activations = with_surroundings(tensor_bytes_of([&] { on_host->encode(image); }));
  } catch (const Error& problem) {
    throw OptionError("model", problem.what());
  } catch (const std::exception& problem) {
    throw OptionError("model", fmt::format("{} cannot take an image of {} x {} pixels: {}; set input_size",
                                           model, side, side, last_error(problem.what())));
  }
  const auto image = static_cast<std::size_t>(side * side) * 3;
  const auto images = static_cast<std::size_t>(batch);
  const std::size_t at_once = std::min(images, costs.threads * images_a_thread);
  costs.holds = images - 1;
  costs.out("features",
            images * (static_cast<std::size_t>(dimensions) * sizeof(float) + sizeof(Features::Place)));
  // Of one batch of a slide, not of each tile that is held for it; with tiles that are being scaled.
  costs.keeps = images * image * sizeof(float) + (on.is_cpu() ? at_once * activations : 0) +
                (facts.input_size > 0 ? costs.threads * 2 * sizeof(float) * costs.in("tile") : 0);
  costs.scratch = 0;
  const std::size_t weight_bytes = on_host->encoder.inference.weight_bytes;
  costs.keeps_for_run = weight_bytes;
  if (costs.on_device) {
    costs.on_device->fixed = weight_bytes;
    costs.on_device->per_sample =
        with_gaps(activations) + image_copies(static_cast<std::size_t>(side * side));
    costs.on_device->batch = images;
  } else {
    loaded_ = std::move(on_host);
  }
}

std::map<std::string, std::string> Embed::depends_on(const std::string&) const {
  std::map<std::string, std::string> all;
  if (std::filesystem::exists(model)) wsi::add_identity("model", model, all);
  if (weights) wsi::add_identity("weights", *weights, all);
  return all;
}

void Embed::check(const wsi::Tile& tile) const {
  const EncoderFacts& facts = loaded_->encoder.facts;
  const cv::Mat& rgb = wsi::rgb_of(tile);
  if (rgb.cols != rgb.rows)
    throw Error(fmt::format("the tile has {} x {} pixels, expected a square", rgb.cols, rgb.rows));
  if (!facts.mpp && !input_size && facts.input_size > 0 && rgb.cols != facts.input_size)
    throw Error(fmt::format(
        "{} takes {} pixels a side, the tile has {}, and it is not known what resolution it was made for: "
        "cut tiles of {} pixels, or set embed's mpp, or input_size to have them scaled",
        facts.name, facts.input_size, rgb.cols, facts.input_size));
  check_resolution(tile, {facts.name, facts.mpp, mpp_tolerance, facts.input_size, "embed"});
}

void Embed::process(Inputs& in, Outputs& out) {
  const auto tile = in.share<wsi::Tile>("tile");
  check(*tile);
  auto& gathered = in.state<Gathered>();
  if (!gathered.first) {
    gathered.first = *tile;
    gathered.first->unread_size = tile->size();
    gathered.first->pixels.release();
  }
  const wsi::Tile& first = *gathered.first;
  if (tile->size() != first.size() || tile->level != first.level || tile->extent != first.extent ||
      tile->overlap != first.overlap || tile->slide != first.slide)
    throw Error(fmt::format(
        "the tile at x {}, y {} is of another slide, size, level, extent or overlap than those before "
        "it: features go together by slide, of tiles of one kind",
        tile->x, tile->y));
  gathered.tiles.push_back(tile);
  if (gathered.tiles.size() < static_cast<std::size_t>(batch)) return;
  try {
    if (auto features = features_of(std::exchange(gathered.tiles, {}), in.scope()))
      out.emit("features", *std::move(features));
  } catch (const std::exception& problem) {
    gathered.problem = first_line(problem);
    throw;
  }
}

Packets Embed::finish(Inputs& in, Outputs&) {
  auto& gathered = in.state<Gathered>();
  if (in.scope().failed()) return {};
  if (!gathered.problem.empty())
    throw Error(fmt::format("a batch of {} tiles has no features: {}", batch, gathered.problem));
  if (gathered.tiles.empty()) return {};
  auto features = features_of(std::exchange(gathered.tiles, {}), in.scope());
  if (!features) return {};
  return {1, [features = *std::move(features)](std::uint64_t, Outputs& out) {
            out.emit("features", Features(features));
          }};
}

std::optional<Features> Embed::features_of(const Tiles& tiles, const Scope& scope) const {
  const EncoderFacts& facts = loaded_->encoder.facts;
  const auto count = static_cast<std::int64_t>(tiles.size());
  const std::int64_t side = facts.input_size > 0 ? facts.input_size : tiles.front()->size();
  const at::Tensor images = loaded_->queue->images({count, 3, side, side});
  const bool whole = in_pieces(count, 1, loaded_->threads, scope, [&](std::int64_t i, std::int64_t) {
    const cv::Mat& rgb = wsi::rgb_of(*tiles[static_cast<std::size_t>(i)]);
    if (rgb.cols == side)
      loaded_->normalisation.write(rgb, images[i].data_ptr<float>());
    else
      write_scaled(rgb, side, facts, images[i]);
  });
  if (!whole) return {};
  Features features{loaded_->features(images, scope), {}, *tiles.front(), facts.name};
  if (!features.values.defined()) return {};
  features.like.unread_size = tiles.front()->size();
  features.like.pixels.release();
  for (const auto& tile : tiles) features.places.push_back({tile->x, tile->y});
  return features;
}

}  // namespace flowrun::torch_nodes
