// SPDX-License-Identifier: Apache-2.0
#include "segment.h"

#include <ATen/ATen.h>
#include <flowrun/wsi/class_mask.h>
#include <flowrun/wsi/thumbnail.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/core.hpp>
#include <set>
#include <utility>

#include "nodes/base/if_connected.h"
#include "nodes/region/value_regions.h"
#include "nodes/slide/slide_files.h"
#include "nodes/torch/device.h"
#include "nodes/torch/model_queue.h"
#include "nodes/torch/normalisation.h"
#include "nodes/torch/pieces.h"
#include "segmenter.h"

namespace flowrun::torch_nodes {
namespace {

constexpr std::size_t most_classes = 255;
constexpr std::size_t most_region_bytes = std::size_t{64} << 20;

/// Okabe and Ito's colours, which people with any kind of colour vision tell apart
/// (https://jfly.uni-koeln.de/color/).
constexpr std::array<std::array<std::uint8_t, 3>, 7> colours{{{230, 159, 0},
                                                              {86, 180, 233},
                                                              {0, 158, 115},
                                                              {240, 228, 66},
                                                              {0, 114, 178},
                                                              {213, 94, 0},
                                                              {204, 121, 167}}};

std::size_t pixels_of(cv::Size size) {
  return static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height);
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

/// Whether tissue touches a square of the slide, in level-0 pixels.
bool touches(const wsi::Mask& tissue, double x, double y, double side) {
  const auto pixels = [side](double from, std::int64_t slide, int mask) {
    const double scale = static_cast<double>(mask) / static_cast<double>(slide);
    return cv::Range(std::clamp(static_cast<int>(from * scale), 0, mask - 1),
                     std::clamp(static_cast<int>(std::ceil((from + side) * scale)), 1, mask));
  };
  return cv::countNonZero(tissue.pixels(pixels(y, tissue.slide_height, tissue.pixels.rows),
                                        pixels(x, tissue.slide_width, tissue.pixels.cols))) > 0;
}

}  // namespace

/// A model on its device, and what its classes are to others.
struct Segment::Loaded {
  std::unique_ptr<ModelQueue> queue;
  Segmenter segmenter;
  int threads;  // of the run
  Normalisation normalisation;
  std::vector<wsi::Class> classes = {};   // but the background
  std::vector<std::uint8_t> values = {};  // by the model's class: in class masks
  std::vector<std::uint8_t> tissue = {};  // by value: in masks
};

Segment::Segment() = default;
Segment::~Segment() = default;

void Segment::plan(Costs& costs) {
  wsi::Resolution{level, mpp, downsample}.check();
  if (!level && !mpp && !downsample)
    throw OptionError("mpp", "the resolution that the model was made for is not given",
                      "one of mpp, level, downsample");
  if (overlap >= input_size)
    throw OptionError("overlap", fmt::format("inputs of {} pixels cannot share {}", input_size, overlap),
                      "less than input_size");
  for (const auto& [name, numbers] : {std::pair{"mean", &mean}, std::pair{"std", &std}})
    if (numbers->size() != 3)
      throw OptionError(name, "expected three numbers", "R, G, B: [0.485, 0.456, 0.406]");
  const Computing with = computing_of(device, precision), on_host = measuring(with);
  costs.on_device = costs_on(with.device);
  auto queue = std::make_unique<ModelQueue>(with.device);
  Segmenter segmenter;
  try {
    segmenter = read_segmenter(model, output, input_size, on_host.device, on_host.half);
    if (costs.on_device) {  // what it takes was measured on the CPU
      const auto pixels = static_cast<std::size_t>(input_size * input_size);
      const std::size_t maps = pixels * static_cast<std::size_t>(segmenter.classes) * sizeof(float);
      costs.on_device->fixed = segmenter.inference.weight_bytes;
      costs.on_device->per_sample =
          with_gaps(with_surroundings(segmenter.bytes_an_image + maps)) + image_copies(pixels);
      costs.on_device->batch = static_cast<std::size_t>(batch);
      queue->run([&] { segmenter = read_segmenter(model, output, input_size, with.device, with.half); });
    }
  } catch (const std::exception& problem) {
    throw OptionError("model", problem.what());
  }
  if (classes.size() > most_classes)
    throw OptionError("classes", fmt::format("{} classes are more than masks have values", classes.size()),
                      fmt::format("{} at most", most_classes));
  if (std::set(classes.begin(), classes.end()).size() < classes.size())
    throw OptionError("classes", "a name is there twice", "a name for each class");
  if (static_cast<std::int64_t>(classes.size()) != segmenter.classes)
    throw OptionError(
        "classes",
        fmt::format("{} has {} classes, {} are named", model.string(), segmenter.classes, classes.size()),
        fmt::format("{} names", segmenter.classes));
  Loaded loaded{std::move(queue), std::move(segmenter), static_cast<int>(costs.threads),
                Normalisation(mean, std)};
  const std::vector<std::string> nothing = background.empty() ? std::vector{classes.front()} : background;
  for (const auto& [option, names] :
       {std::pair{"background", &nothing}, std::pair{"tissue", &std::as_const(tissue)}})
    for (const std::string& name : *names)
      if (!has(classes, name))
        throw OptionError(option, fmt::format("there is no class '{}'", name),
                          fmt::format("some of {}", fmt::join(classes, ", ")));
  for (const std::string& name : tissue)
    if (has(nothing, name))
      throw OptionError("tissue", fmt::format("'{}' is background", name), "another class");
  loaded.tissue.push_back(0);
  for (const std::string& name : classes) {
    if (has(nothing, name)) {
      loaded.values.push_back(0);
      continue;
    }
    const auto value = static_cast<std::uint8_t>(loaded.classes.size() + 1);
    loaded.values.push_back(value);
    loaded.classes.push_back({name, value, colours.at(loaded.classes.size() % colours.size())});
    loaded.tissue.push_back(tissue.empty() || has(tissue, name) ? 255 : 0);
  }
  loaded_ = std::make_unique<const Loaded>(std::move(loaded));
  costs.out("mask", wsi::most_thumbnail_pixels);
  costs.out("classes", most_region_bytes);
  costs.scratch = scratch({1 << 12, static_cast<int>(wsi::most_thumbnail_pixels >> 12)});
  costs.keeps_for_run = loaded_->segmenter.inference.weight_bytes;
}

std::map<std::string, std::string> Segment::depends_on(const std::string&) const {
  std::map<std::string, std::string> all;
  wsi::add_identity("model", model, all);
  return all;
}

wsi::Picture Segment::picture_of(const wsi::Slide& slide) const {
  return wsi::Picture::at(slide, {level, mpp, downsample});
}

Segment::Raster Segment::raster_of(const wsi::Picture& picture) const {
  const auto parts = [](int side, int part) { return (side + part - 1) / part; };
  const cv::Size whole = picture.size();
  Raster raster;
  const auto size_by = [&](int factor) {
    return cv::Size(parts(whole.width, factor), parts(whole.height, factor));
  };
  while (pixels_of(size_by(raster.factor)) > wsi::most_thumbnail_pixels) ++raster.factor;
  raster.size = size_by(raster.factor);
  // Inputs share at least what is asked for, and each of them has whole pixels of the mask.
  raster.step = static_cast<int>(input_size - overlap) / raster.factor * raster.factor;
  if (raster.step == 0)
    throw Error(fmt::format("a picture of {} x {} pixels is too large for inputs of {} pixels that share {}",
                            whole.width, whole.height, input_size, overlap));
  raster.across = parts(whole.width, raster.step);
  raster.down = parts(whole.height, raster.step);
  return raster;
}

std::size_t Segment::scratch(cv::Size mask) const {
  const auto side = static_cast<std::size_t>(input_size), images = static_cast<std::size_t>(batch);
  const Segmenter& segmenter = loaded_->segmenter;
  const std::size_t image =
      side * side * (3 + (3 + static_cast<std::size_t>(segmenter.classes)) * sizeof(float));
  const std::size_t a_thread = images * (image + segmenter.bytes_an_image) + wsi::Picture::read_bytes();
  return pixels_of(mask) + std::max(static_cast<std::size_t>(loaded_->threads) * a_thread,
                                    wsi::regions_scratch(mask.height, mask.width));
}

CallBytes Segment::bytes(const Inputs& in) const {
  const cv::Size mask = raster_of(picture_of(in.get<wsi::Slide>("slide"))).size;
  return {.out = pixels_of(mask) + most_region_bytes, .scratch = scratch(mask)};
}

/// Where inputs begin that `tissue` has something of: of what each says, not of its edges.
std::vector<cv::Point> Segment::inputs_on(const Raster& raster, double downsample,
                                          const wsi::Mask* tissue) const {
  std::vector<cv::Point> inputs;
  for (int row = 0; row < raster.down; ++row)
    for (int column = 0; column < raster.across; ++column) {
      const cv::Point at(column * raster.step, row * raster.step);
      if (!tissue || touches(*tissue, at.x * downsample, at.y * downsample, raster.step * downsample))
        inputs.push_back(at);
    }
  return inputs;
}

/// Writes the values of what is within the edges of some inputs.
void Segment::fill(const wsi::Picture& picture, const Raster& raster, std::span<const cv::Point> inputs,
                   cv::Mat& values) const {
  const auto side = static_cast<int>(input_size);
  const int edge = (side - raster.step) / 2;
  const at::Tensor images = loaded_->queue->images({static_cast<std::int64_t>(inputs.size()), 3, side, side});
  cv::Mat rgb(side, side, CV_8UC3);
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    picture.read(inputs[i].x - edge, inputs[i].y - edge, rgb);
    loaded_->normalisation.write(rgb, images[static_cast<std::int64_t>(i)].data_ptr<float>());
  }
  const auto found_there = loaded_->queue->compute(images, [&](const at::Tensor& there) {
    const Segmenter::Maps maps = loaded_->segmenter.maps(there);
    at::Tensor middle =
        maps.probabilities.slice(2, edge, edge + raster.step).slice(3, edge, edge + raster.step);
    if (raster.factor > 1) middle = at::avg_pool2d(middle, raster.factor);
    return std::vector{middle.argmax(1).to(at::kByte).contiguous(), maps.are_sound};
  });
  loaded_->segmenter.check(found_there[1]);
  const at::Tensor& classes = found_there[0];
  const int pixels = raster.step / raster.factor;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const cv::Rect there =
        cv::Rect(inputs[i] / raster.factor, cv::Size(pixels, pixels)) & cv::Rect({}, values.size());
    const std::uint8_t* found = classes[static_cast<std::int64_t>(i)].data_ptr<std::uint8_t>();
    for (int row = 0; row < there.height; ++row)
      for (int col = 0; col < there.width; ++col)
        values.at<std::uint8_t>(there.y + row, there.x + col) =
            loaded_->values[found[static_cast<std::size_t>(row) * static_cast<std::size_t>(pixels) +
                                  static_cast<std::size_t>(col)]];
  }
}

void Segment::process(Inputs& in, Outputs& out) {
  const wsi::Slide& slide = in.get<wsi::Slide>("slide");
  const wsi::Picture picture = picture_of(slide);
  const Raster raster = raster_of(picture);
  const auto tissue_mask = wsi::if_connected<wsi::Mask>(in, "mask");
  cv::Mat values = cv::Mat::zeros(raster.size, CV_8UC1);
  const std::vector<cv::Point> inputs = inputs_on(raster, picture.downsample(), tissue_mask.get());
  const bool whole = in_pieces(static_cast<std::int64_t>(inputs.size()), batch, loaded_->threads, in.scope(),
                               [&](std::int64_t begin, std::int64_t end) {
                                 fill(picture, raster,
                                      std::span(inputs).subspan(static_cast<std::size_t>(begin),
                                                                static_cast<std::size_t>(end - begin)),
                                      values);
                               });
  if (!whole) return;
  const double downsample = picture.downsample() * raster.factor;
  std::optional<std::vector<wsi::Region>> regions = wsi::regions_of(values, downsample, most_region_bytes);
  if (!regions)
    throw Error(
        fmt::format("outlines of its regions take more than {} MiB: the model finds specks; set a "
                    "coarser mpp, or input_size, mean and std as it was trained with",
                    most_region_bytes >> 20));
  const auto covered = [&](int pixels) { return std::llround(pixels * downsample); };
  wsi::Mask mask{cv::Mat(raster.size, CV_8UC1), covered(raster.size.width), covered(raster.size.height)};
  for (int row = 0; row < mask.pixels.rows; ++row)
    std::transform(values.ptr(row), values.ptr(row) + values.cols, mask.pixels.ptr(row),
                   [&](std::uint8_t value) { return loaded_->tissue[value]; });
  out.emit("mask", std::move(mask));
  out.emit("classes", wsi::ClassMask(loaded_->classes, *std::move(regions), slide.facts().width(),
                                     slide.facts().height()));
}

}  // namespace flowrun::torch_nodes
