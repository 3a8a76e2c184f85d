// SPDX-License-Identifier: Apache-2.0
#include "augment.h"

#include <flowrun/wsi/tile.h>

#include "nodes/base/random.h"
#include "transforms.h"

namespace flowrun::wsi {

void Augment::describe(Description<Augment>& d) {
  d.summary(
       "Turns, moves and recolours training samples at random, as they would look from another scanner or "
       "lab.")
      .details(
          "Flips and quarter turns lose nothing and are on unless turned off; all else is off unless given. "
          "They come in the order of the options; `stain` multiplies the concentrations of haematoxylin, "
          "eosin and DAB and raises them (Tellez et al. 2018; optical densities, natural logarithm), each by "
          "a number of its own, so glass changes too; the colours are changed as torchvision's ColorJitter "
          "does, in the order brightness, contrast, saturation, hue. What is drawn depends on the seed, the "
          "epoch and the "
          "sample's index in it alone. Validation samples pass untouched, and so do tiles outside of a "
          "training.")
      .example("varied: {type: augment, from: samples, degrees: 10, brightness: 0.1, stain: 0.05}")
      .input<Tile>("tile")
      .output<Tile>("tile");
  d.option("flip", &Augment::flip, "mirror left-right and top-bottom, each with a chance of one half");
  d.option("quarter_turns", &Augment::quarter_turns, "turn by 0, 90, 180 or 270 degrees, each as likely");
  d.option("degrees", &Augment::degrees, "turn by up to so many degrees either way").at_least(0).at_most(180);
  d.option("translate", &Augment::translate, "move by up to this share of the width, and of the height")
      .at_least(0)
      .at_most(1);
  d.option("scale", &Augment::scale, "least and largest factor to scale by, e.g. [0.9, 1.1]")
      .above(0)
      .at_most(100);
  const auto factor = [&](const char* name, double Augment::*member) {
    d.option(name, member, "by a factor of 1 - this to 1 + this").at_least(0).at_most(1);
  };
  factor("stain", &Augment::stain);
  d.option("stain_shift", &Augment::stain_shift,
           "raise concentrations by up to this either way; as much as `stain`, if not given")
      .at_least(0)
      .at_most(2);
  factor("brightness", &Augment::brightness);
  factor("contrast", &Augment::contrast);
  factor("saturation", &Augment::saturation);
  d.option("hue", &Augment::hue, "turn by up to this share of the circle of hues either way")
      .at_least(0)
      .at_most(0.5);
  d.option("seed", &Augment::seed, "of what is drawn").at_least(0);
}

void Augment::plan(Costs& costs) {
  if (!scale.empty() && (scale.size() != 2 || scale[0] > scale[1]))
    throw OptionError("scale", "expected the least and the largest factor", "scale: [0.9, 1.1]");
  costs.scratch = costs.in("tile") * 10;  // two images of floats, two of bytes
}

/// Everything is drawn whatever the options are, so that one option does not change what another does.
cv::Mat Augment::changed(const cv::Mat& rgb, std::uint64_t epoch, std::uint64_t index) const {
  Random random(mix(static_cast<std::uint64_t>(seed) + mix(epoch + 1)), index);
  const auto either_way = [&](double most) { return random.uniform(-most, most); };
  const bool left_right = random.uniform() < 0.5, top_bottom = random.uniform() < 0.5;
  const auto quarters = static_cast<int>(random.below(4));
  const double angle = either_way(degrees), x = either_way(translate), y = either_way(translate);
  const double factor = scale.empty() ? random.uniform(1, 1) : random.uniform(scale[0], scale[1]);
  StainChange stains;
  const double shift = stain_shift.value_or(stain);
  for (int i = 0; i < 3; ++i) {
    stains.factor[i] = 1 + either_way(stain);
    stains.shift[i] = either_way(shift);
  }
  ColourChange colours;
  colours.brightness = 1 + either_way(brightness);
  colours.contrast = 1 + either_way(contrast);
  colours.saturation = 1 + either_way(saturation);
  colours.hue = either_way(hue);

  cv::Mat out = flip_and_turn(rgb, flip && left_right, flip && top_bottom, quarter_turns ? quarters : 0);
  if (angle != 0 || factor != 1 || x != 0 || y != 0)
    out = affine(out, angle, factor, x * out.cols, y * out.rows);
  if (stain > 0 || shift > 0) out = change_stain(out, stains);
  if (brightness > 0 || contrast > 0 || saturation > 0 || hue > 0) out = change_colour(out, colours);
  return out;
}

void Augment::process(Inputs& in, Outputs& out) {
  const Tile& tile = in.get<Tile>("tile");
  if (!tile.sample || tile.sample->validation) return out.forward("tile");
  Tile varied = tile;
  varied.pixels = changed(rgb_of(tile), tile.sample->epoch, in.index());
  varied.untouched = false;
  out.emit("tile", std::move(varied));
}

}  // namespace flowrun::wsi
