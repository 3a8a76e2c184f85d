// SPDX-License-Identifier: Apache-2.0
// Embed::describe: the page of the node, and its options.
#include "embed.h"

namespace flowrun::torch_nodes {

void Embed::describe(Description<Embed>& d) {
  d.summary("Turns tiles into features, by an encoder.")
      .details(
          "The encoder is a TorchScript module that gives a vector, tokens or maps for each image; a "
          "checkpoint of "
          "`train` (best.pt), whose features are what its last layer sees; or one of torchvision's "
          "architectures "
          "(resnet18, resnet34, resnet50, efficientnet_b0) with `weights`. What it expects of images a "
          "module may "
          "carry (tools/export_encoder.py writes such), and options come before that. The microns per pixel "
          "of what "
          "it is given, after scaling to `input_size`, must be those that it was made for, where that is "
          "known. "
          "Features leave in the order of the tiles, a packet for each batch, and are the same for any "
          "number of "
          "threads.")
      .example("features: {type: embed, from: tiles, model: encoder.pt, mpp: 0.5}")
      .input<wsi::Tile>("tile")
      .output<Features>("features");
  d.option("model", &Embed::model, "TorchScript module, checkpoint of `train`, or name of an architecture")
      .required();
  d.option("weights", &Embed::weights,
           "of an architecture: a state dict of torchvision's, safetensors or a checkpoint");
  d.option(
       "input_size", &Embed::input_size,
       "pixels a side that the encoder takes: other tiles are scaled to it (bilinear, antialiased, as "
       "torchvision's Resize does it); as the module says, if not given, else tiles are taken as they are")
      .at_least(8)
      .at_most(4096);
  d.option("mean", &Embed::mean,
           "of R, G, B, scaled to 0 to 1: subtracted; ImageNet's, unless the module says another");
  d.option("std", &Embed::std, "of R, G, B: divided by; likewise").above(0);
  d.option("mpp", &Embed::mpp, "microns per pixel of the images that the encoder was made for")
      .above(0)
      .at_most(100);
  d.option("mpp_tolerance", &Embed::mpp_tolerance, "share by which images may differ from it")
      .at_least(0)
      .at_most(1);
  d.option("pooling", &Embed::pooling,
           "makes a vector of tokens: class (the first token), mean (of those of patches), class_mean (both "
           "beside each "
           "other); of maps: mean; none where there is a vector already; auto: as the module says, else none")
      .choices({"auto", "none", "class", "mean", "class_mean"});
  d.option("prefix_tokens", &Embed::prefix_tokens,
           "tokens before those of patches: the class token and registers; as the module says, else 1")
      .at_least(0)
      .at_most(1000);
  d.option("batch", &Embed::batch, "tiles that the encoder is given at once").at_least(1).at_most(4096);
  d.option("precision", &Embed::precision, "fp32, or half of it: bf16, or on a GPU fp16")
      .choices({"fp32", "bf16", "fp16"});
  d.option("device", &Embed::device,
           "auto, cpu or cuda:N, whose own memory the graph's device_memory bounds");
}

}  // namespace flowrun::torch_nodes
