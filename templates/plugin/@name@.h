#pragma once

#include <flowrun/description.h>
#include <flowrun/wsi/tile.h>

#include <opencv2/core.hpp>

/// The mean of all R, G and B of an image (rows x cols x 3, 8 bit): 0 is black, 255 white.
inline double brightness(const cv::Mat& rgb) {
  const cv::Scalar mean = cv::mean(rgb);
  return (mean[0] + mean[1] + mean[2]) / 3;
}

/// Drops tiles that are too bright.
struct @Name@ : flowrun::Map {
  double max_brightness = 220;

  static void describe(flowrun::Description<@Name@>& d) {
    d.summary("Drops tiles that are too bright.")
        .example("dark: {type: @name@, from: tiles, max_brightness: 220}")
        .input<flowrun::wsi::Tile>("tile")
        .output<flowrun::wsi::Tile>("tile");
    d.option("max_brightness", &@Name@::max_brightness, "mean of R, G and B above which a tile is dropped")
        .at_least(0)
        .at_most(255);
  }
  void plan(flowrun::Costs& costs) override { costs.forwards("tile"); }
  void process(flowrun::Inputs& in, flowrun::Outputs& out) override {
    if (brightness(in.get<flowrun::wsi::Tile>("tile").pixels) > max_brightness) return out.drop("bright");
    out.forward("tile");
  }
};
