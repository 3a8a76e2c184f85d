// SPDX-License-Identifier: Apache-2.0
// TrainMil::describe: the page of the node, and its options.
#include "nodes/mil/slide_models.h"
#include "nodes/trainer/describe_training.h"
#include "nodes/trainer/task_kind.h"
#include "train_mil.h"

namespace flowrun::torch_nodes {

void TrainMil::describe(Description<TrainMil>& d) {
  d.summary("Trains models of slides by attention over the features of their tiles.")
      .details(
          "Takes the epochs of `bags` and trains a model for each fold (multiple instance learning). A first "
          "layer (hidden numbers, ReLU, dropout) makes of each tile what "
          "is pooled: weighted by attention (Ilse et al. 2018: tanh, or tanh gated by a sigmoid), with "
          "clam_sb also learning "
          "from the tiles of highest and lowest attention (Lu et al. 2021; cross entropy), as the mean, or "
          "the highest "
          "of each number. A last layer makes of that what is predicted. Slides of more than `block_tiles` "
          "tiles are gone through twice, "
          "block by block, with the gradients of the whole slide, so memory does not grow with slides. One "
          "slide is "
          "one batch; `accumulate` makes steps of several. class_weights weigh slides against each other. "
          "Each epoch leaves in `dir`: fold_K/last.pt and best.pt (of the epoch with the best `metric` in "
          "validation, or the last where none can be compared), fold_K/model.json, a model card of the "
          "latter, "
          "fold_K/metrics.csv, metrics.jsonl, TensorBoard's events and curves, and predictions.csv: what "
          "each fold's best epoch says of its validation and "
          "test slides; at the end metrics.json: metrics of each fold, of all test slides together "
          "(pooled_test), and of those that all folds tested (held_out: the mean of the folds), with "
          "intervals of 95 % by 1,000 bootstrap draws of patients (of slides where patients are not known, "
          "as `drawn` says there; null where fewer than two are drawn or less than 95 % of the draws have a "
          "value); with `loss: cox` c_index of pooled_test is null when several folds tested, as risks of "
          "different models have no common zero. What is said of these slides is "
          "calibrated "
          "and decided as each fold's validation has it chosen (`calibrate`, `threshold`). Of classification "
          "there are also roc.csv, confusion.csv and calibration.csv of all test slides together (the held "
          "out ones, where there are no others), and in fold_K of validation in its best epoch, as `train` "
          "has "
          "them, each also as .png and .svg unless the plugin was built without PLplot. A run that was "
          "killed goes on after the "
          "last whole epoch and ends with the same bits (on the CPU, with as many "
          "threads for the model). Parameters have CLAM's names. Slides that cannot be read are left out and "
          "told. Several processes can train these models (see docs/clusters.md): each reads its share of "
          "the "
          "slides, a step follows the mean over all of them, and the numbers are those of one process, but "
          "that "
          "dropout draws others; loss: cox, which compares slides, is not for them. "
          "What is there for GPUs has not been tried on one yet.")
      .example("slide_models: {type: train_mil, from: bags, learning_rate: 0.0002, dir: out_mil}")
      .resumes()
      .input<BagEpoch>("bags")
      .output<SlideModels>("models");
  d.option("dir", &TrainMil::dir,
           "folder for checkpoints, predictions and metrics; one that has models of an earlier training in "
           "more folds is refused")
      .required()
      .output_folder();
  d.option(
       "task", &TrainingOptions::task,
       "what is predicted: classification: the class of a slide; ordinal: the same of classes in an order "
       "(CORN: Shi et al. 2021; the order of `classes` of bags, else by number or name); regression: numbers "
       "(`targets` of bags); survival: the hazard in intervals of time (Zadeh and Schmid 2020; `targets` of "
       "bags: time, and 1 where the event happened, 0 where nothing is known later)")
      .choices({"classification", "ordinal", "regression", "survival"});
  d.option("model", &BagTrainingOptions::model, "how tiles are pooled").choices(bag_models());
  d.option("hidden", &BagTrainingOptions::hidden, "numbers that the first layer makes of a tile")
      .at_least(1)
      .at_most(65536);
  d.option("attention", &BagTrainingOptions::attention, "numbers that attention is made of")
      .at_least(1)
      .at_most(65536);
  d.option("dropout", &BagTrainingOptions::dropout, "share of numbers left out in training")
      .at_least(0)
      .at_most(0.99);
  d.option("dimensions", &BagTrainingOptions::dimensions, "most features a tile that memory is reserved for")
      .at_least(1)
      .at_most(65536);
  d.option("block_tiles", &BagTrainingOptions::block_tiles, "tiles that are computed with at once")
      .at_least(1)
      .at_most(1e6);
  d.option("bag_weight", &BagTrainingOptions::bag_weight,
           "of clam_sb: the share of the slide's loss; the rest is that of tiles")
      .at_least(0)
      .at_most(1);
  d.option("k_sample", &BagTrainingOptions::k_sample,
           "of clam_sb: tiles of highest attention, and as many of lowest")
      .at_least(1)
      .at_most(1e5);
  d.option(
      "subtyping", &BagTrainingOptions::subtyping,
      "of clam_sb: classes exclude each other, so tiles of highest attention are no evidence for another");
  d.option("loss", &TrainingOptions::loss,
           "what is minimised; of classification cross_entropy (default) or focal, of regression mse "
           "(default) or huber, of ordinal corn, of survival nll (default: minus the log likelihood) or cox: "
           "minus "
           "the logarithm of the partial likelihood (Cox 1972; DeepSurv: Katzman et al. 2018), the mean over "
           "events, ties after Breslow 1974, among the slides of a step: `accumulate` says how many. Each is "
           "then "
           "gone through twice. It says a risk alone: the logarithm of the hazard relative to others'")
      .choices({"cross_entropy", "focal", "mse", "huber", "corn", "nll", "cox"});
  d.option("class_weights", &TrainingOptions::class_weights,
           "auto (slides of rare classes weigh more), or a number for each class; all 1, if not given");
  d.option("label_smoothing", &TrainingOptions::label_smoothing, "share of a label spread over all classes")
      .at_least(0)
      .at_most(1);
  d.option("focal_gamma", &TrainingOptions::focal_gamma, "how much less well-known samples count, for focal")
      .at_least(0);
  d.option("huber_delta", &TrainingOptions::huber_delta, "error from which on huber grows in a straight line")
      .above(0);
  d.option("intervals", &BagTrainingOptions::intervals,
           "of survival by loss: nll; each has as many of the events of all slides")
      .at_least(2)
      .at_most(60);
  describe_steps(d);
  describe_device(d);
  d.option("metric", &TrainingOptions::metric,
           "what the best epoch is the best in; loss, if not given: with few slides others are alike in many "
           "epochs. kappa of ordinal has quadratic weights, c_index of survival is Harrell's")
      .choices({"loss", "accuracy", "auc", "sensitivity", "specificity", "precision", "recall", "f1", "mae",
                "rmse", "r2", "pearson", "kappa", "c_index"});
  describe_judging(d);
  describe_end(d);
}

}  // namespace flowrun::torch_nodes
