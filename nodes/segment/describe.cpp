// SPDX-License-Identifier: Apache-2.0
// Segment::describe: the page of the node, and its options.
#include <flowrun/wsi/class_mask.h>

#include "segment.h"

namespace flowrun::torch_nodes {

void Segment::describe(Description<Segment>& d) {
  d.summary("Tells the class of each pixel of a slide, by a model: tissue, artefacts, regions.")
      .details(
          "The model is a TorchScript module that takes square images and gives a map for each class "
          "(images x classes x rows x columns), or one map of two classes. The slide is read at the "
          "resolution that the model was made for (one of mpp, level, downsample) in inputs that overlap, "
          "and each pixel gets its class from the input whose middle is nearest, so that no edge of an "
          "input is seen. The mask has a pixel for each of the model's, but at most 8.4 million: else "
          "probabilities of a whole number of pixels a side are averaged. `classes` is what `mask` gives of "
          "annotations, each piece an outline, for extract, save_mask, save_outlines, overlay; `mask` is "
          "what `detect` gives, with the classes named in `tissue`. With a mask as input only what touches "
          "its tissue is looked at, and the rest is background. The same for any number of threads.")
      .example(
          "artefacts: {type: segment, from: slides, model: segmenter.pt, classes: [glass, tissue, fold], "
          "mpp: 1.5}")
      .input<wsi::Slide>("slide")
      .optional_scope_input<wsi::Mask>("mask")
      .output<wsi::Mask>("mask")
      .output<wsi::ClassMask>("classes");
  d.option("model", &Segment::model, "TorchScript module").required();
  d.option(
       "classes", &Segment::classes,
       "names of the module's classes in its order; of one map: what it is the probability of, and before "
       "that what is not")
      .required();
  d.option("background", &Segment::background,
           "classes that are nothing: no regions of `classes`, value 0; the first one, if not given");
  d.option("tissue", &Segment::tissue, "classes that `mask` shows; all but the background, if not given");
  d.option("mpp", &Segment::mpp, "microns per pixel of the model's input").above(0);
  d.option("level", &Segment::level, "the slide's level that the model looks at").at_least(0);
  d.option("downsample", &Segment::downsample, "level-0 pixels per pixel of the model's input").at_least(1);
  d.option("input_size", &Segment::input_size, "pixels a side of the model's input")
      .at_least(32)
      .at_most(4096);
  d.option(
       "overlap", &Segment::overlap,
       "pixels that an input shares with the next one: what a class of a pixel depends on around it should "
       "be less than half of it")
      .at_least(0)
      .at_most(4000);
  d.option("mean", &Segment::mean, "of R, G, B, scaled to 0 to 1: subtracted; ImageNet's, if not given");
  d.option("std", &Segment::std, "of R, G, B: divided by; likewise").above(0);
  d.option("output", &Segment::output,
           "what the module gives: logits, probabilities, or auto: as its code ends in softmax or sigmoid")
      .choices({"auto", "logits", "probabilities"});
  d.option("batch", &Segment::batch, "inputs that the model is given at once").at_least(1).at_most(256);
  d.option("precision", &Segment::precision, "fp32, or half of it: bf16, or on a GPU fp16")
      .choices({"fp32", "bf16", "fp16"});
  d.option("device", &Segment::device,
           "auto, cpu or cuda:N, whose own memory the graph's device_memory bounds");
}

}  // namespace flowrun::torch_nodes
