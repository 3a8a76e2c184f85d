// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>
#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/slide.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "nodes/slide/picture.h"

namespace flowrun::torch_nodes {

/// Tells the class of each part of a slide by a model. See describe().
struct Segment : Map {
  Segment();
  ~Segment() override;
  std::filesystem::path model;
  std::vector<std::string> classes, background, tissue;
  std::optional<int> level;
  std::optional<double> mpp, downsample;
  std::int64_t input_size = 512;
  std::int64_t overlap = 64;
  std::vector<double> mean{0.485, 0.456, 0.406}, std{0.229, 0.224, 0.225};
  std::string output = "auto";
  std::int64_t batch = 4;
  std::string precision = "fp32";
  std::string device = "auto";

  static void describe(Description<Segment>& d);
  void plan(Costs& costs) override;
  CallBytes bytes(const Inputs& in) const override;
  std::map<std::string, std::string> depends_on(const std::string& slide) const override;
  void process(Inputs& in, Outputs& out) override;

 private:
  struct Loaded;
  /// How a slide is cut into inputs of the model, and these into pixels of the mask.
  struct Raster {
    int factor = 1;            ///< pixels of the picture that a side of a pixel of the mask has
    cv::Size size;             ///< of the mask
    int step = 0;              ///< pixels of the picture from one input to the next
    int across = 0, down = 0;  ///< inputs
  };
  wsi::Picture picture_of(const wsi::Slide& slide) const;
  Raster raster_of(const wsi::Picture& picture) const;
  std::size_t scratch(cv::Size mask) const;
  std::vector<cv::Point> inputs_on(const Raster& raster, double downsample, const wsi::Mask* tissue) const;
  void fill(const wsi::Picture& picture, const Raster& raster, std::span<const cv::Point> inputs,
            cv::Mat& values) const;

  std::unique_ptr<const Loaded> loaded_;  // by plan()
};

}  // namespace flowrun::torch_nodes
