// SPDX-License-Identifier: Apache-2.0
// Predict::describe: the page of the node, and its options.
#include "nodes/torch/predictions.h"
#include "predict.h"

namespace flowrun::torch_nodes {

void Predict::describe(Description<Predict>& d) {
  d.summary("Gives each tile what a model predicts: probabilities of classes or labels, or numbers.")
      .details(
          "The model is what `train` made: in the same graph (the input model; the slides are then read "
          "again, by a second node of type read, once it is trained), or its best.pt of an earlier run; or "
          "any TorchScript module, by path. Tiles must be of the size and of the microns per pixel that the "
          "model was trained with, where it says them, and should be of the stain; their pixels are "
          "normalised as "
          "then. Tables of tiles "
          "get a column p_<class> for each class, has_<label> for each label of task: multilabel, or "
          "predicted_<target> for each number of task: regression; probabilities of a model that was trained "
          "with `calibrate` are calibrated, and of one with a `threshold` there is a column "
          "threshold_<class> (of the second of two), or threshold_<label>, by which save_predictions "
          "decides. save_predictions makes tables, heat maps "
          "and QuPath "
          "objects of them. Tiles of a slide are gathered in their order, `batch` of them, and computed on "
          "eight at a "
          "time by each thread of the run (all of them on a GPU), so the numbers are the same for any number "
          "of "
          "threads and any `memory`. In its last digits a number may depend on which tiles are beside its "
          "own: on "
          "`batch`, and on what else is cut of the slide. A batch that cannot be computed fails its slide, "
          "whatever "
          "on_error says.")
      .example("predicted: {type: predict, from: tiles, model: model.pt}")
      .input<wsi::Tile>("tile")
      .optional_scope_input<Model>("model")
      .output<wsi::Tile>("tile");
  d.option("model", &Predict::model, "checkpoint of `train`, or TorchScript module");
  d.option(
      "classes", &Predict::classes,
      "names of the outputs of a module that does not say them itself: of its classes, labels or numbers");
  d.option("output", &Predict::output,
           "what a TorchScript module gives: logits, probabilities, or auto: as train was told, or else "
           "probabilities where its code ends in softmax, and logits where it does not; numbers that look "
           "otherwise are refused")
      .choices({"auto", "logits", "probabilities"});
  d.option("task", &Predict::task,
           "what the outputs of a module are that does not say it itself, classification if not given; a "
           "model of "
           "another task is refused")
      .choices(tasks);
  d.option("mpp", &Predict::mpp,
           "microns per pixel of the images that the model was made for; as the model says, if not given: "
           "`train` "
           "writes it down where all samples have the same")
      .above(0)
      .at_most(100);
  d.option("mpp_tolerance", &Predict::mpp_tolerance, "share by which tiles may differ from it")
      .at_least(0)
      .at_most(1);
  d.option("batch", &Predict::batch,
           "tiles that the model is given at once; 1 for a module that takes one image only")
      .at_least(1)
      .at_most(4096);
  d.option(
       "test_time_augmentation", &Predict::test_time_augmentation,
       "predict the mean over a tile's symmetries: flips, itself and flipped horizontally, vertically and "
       "both (4 times the work; Krizhevsky et al., NIPS 2012), or dihedral, these turned by 90 degrees as "
       "well (8 times); temperatures and thresholds of a model were chosen without")
      .choices({"none", "flips", "dihedral"});
  d.option("precision", &Predict::precision,
           "fp32, or half of it, where that is safe: bf16, or on a GPU fp16; much faster where the processor "
           "has it")
      .choices({"fp32", "bf16", "fp16"});
  d.option("device", &Predict::device,
           "auto, cpu or cuda:N, whose own memory the graph's device_memory bounds");
}

}  // namespace flowrun::torch_nodes
