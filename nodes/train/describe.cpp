// SPDX-License-Identifier: Apache-2.0
// Train::describe: the page of the node, and its options.
#include <flowrun/torch/batch.h>
#include <flowrun/torch/model.h>

#include <algorithm>

#include "nodes/trainer/describe_training.h"
#include "nodes/trainer/task_kind.h"
#include "train.h"

namespace flowrun::torch_nodes {
namespace {

/// What a list of each task has, each once.
template <class List>
std::vector<std::string> of_tasks(const List& list) {
  std::vector<std::string> all;
  for (const TaskKind& kind : task_kinds())
    for (const std::string& one : kind.slides_only ? std::vector<std::string>{} : list(kind))
      if (std::ranges::find(all, one) == all.end()) all.push_back(one);
  return all;
}

}  // namespace

void Train::describe(Description<Train>& d) {
  d.summary("Trains a model of images: of classes, labels or numbers.")
      .details(
          "Takes the batches of an epoch, training before validation, and trains a network with torch: one "
          "of torchvision's architectures, with its parameter names, or any TorchScript module by its path, "
          "whose code goes into the checkpoints. What is drawn (first weights, dropout) depends on the seed "
          "alone, whatever is trained beside it; as TorchScript draws from torch's default generators, such "
          "modules compute one after the other while they train. "
          "Each epoch leaves in `dir`: last.pt, the whole training (model, optimizer, loss scaling, random "
          "state, history); best.pt, the same of the epoch with the best `metric`; model.json, a model card "
          "of that "
          "(what it was trained on and how, its images, metrics, temperatures, thresholds and versions; no "
          "date, so that the same training writes the same); predictions.pt, what that "
          "epoch says of samples of validation and for testing, for torch.load; metrics.csv and "
          "metrics.jsonl, a row an epoch; events.out.tfevents.flowrun for TensorBoard; curves.png and "
          "curves.svg; of classes and labels what the best epoch says of validation: roc.csv (of two classes "
          "the second, else each class against the rest, or each label), confusion.csv and calibration.csv "
          "(15 bins of confidence, the highest probability of a class, or that of a label), each also as "
          ".png "
          "and .svg. Pictures are left out where the plugin was built without PLplot. The last epoch also "
          "leaves metrics.json: metrics of the best "
          "epoch's validation and of test samples, of tiles and, as slide_*, of slides, with intervals of 95 "
          "% by "
          "1,000 bootstrap draws of patients (of slides, or tiles, where no more is known, as `drawn` says "
          "there; null where fewer than two are drawn or less than 95 % of the draws have a value). With "
          "`folds` of "
          "`epochs` a model is trained for each fold, one after the other, whose files are in fold_K; "
          "metrics.json then has the metrics of each fold, of all test samples together (pooled_test), and "
          "of "
          "those that all folds tested (held_out: the mean of the folds), and roc.csv and its like in `dir` "
          "are of all test samples together (the held out ones, where there are no others). What is said of "
          "samples, there and in predictions.pt, is calibrated and decided as each fold's validation has it "
          "chosen (`calibrate`, `threshold`). Files appear together, when the epoch is "
          "done; a run that was killed goes on after the "
          "last whole epoch and ends with the same weights (bit by bit on the CPU, with as many threads for "
          "the model, but for TorchScript, whose compiler may round otherwise after a new start; last.pt and "
          "best.pt may be one file under two names: copy before you change one). "
          "Metrics are those of validation; slide_* average a slide's tiles and are given when all tiles of "
          "each slide have one target. With more than two classes they are means over classes, each against "
          "the rest. Of several labels they are means over labels (accuracy at a probability of 0.5, "
          "average_precision as scikit-learn's), of several numbers means over these, with a column for "
          "each; "
          "sensitivity, specificity and their like are at the model's decision, by its threshold if it has "
          "one; threshold is that, else Youden's. With `calibrate` all but loss are of calibrated "
          "probabilities, and there are temperature, nll and ece (mean negative log likelihood, expected "
          "calibration error), and the two as uncalibrated_ without it. "
          "r2 is the coefficient of determination. Numbers are learnt as they are: scale what is far from 0 "
          "to 1 "
          "in the table. The model goes on to `model` when all epochs have ended: of the best epoch, or the "
          "last "
          "where none could be compared; of several folds there is none to pass on, so a graph "
          "whose nodes take it is refused. Weights (`weights`) are "
          "a state dict of torchvision's (.pt in the "
          "zip format), safetensors, or a checkpoint (with the state dict as model, state_dict or "
          "model_state_dict); names may begin with model., net., module. or _orig_mod., as Lightning, "
          "DataParallel and torch.compile have it. The last layer begins with random weights when theirs has "
          "other classes or is missing, which is told. "
          "On a GPU losses and predictions are read a batch later, so that it always has something to do, "
          "and a loss that is no number is found then; with fp16 each step waits to know whether its "
          "gradients are finite. "
          "Several processes can train one model (see docs/clusters.md): each has its samples of every "
          "batch, a step follows the mean over all of them, and the numbers are those of one process, but "
          "that batch normalisation has the statistics of each process' samples (`sync_batch_norm`: of all); "
          "mixup and on_oom: split are not for them. On a GPU fp32 and bf16 were tried, fp16, on_oom and "
          "several processes were not.")
      .example("model: {type: train, from: batches, model: resnet18, learning_rate: 0.001, dir: out}")
      .resumes()
      .input<Batch>("batch")
      .output<Model>("model");
  d.option("dir", &Train::dir,
           "folder for checkpoints and metrics; one that has models of an earlier training with other folds "
           "is refused")
      .required()
      .output_folder();
  d.option(
       "task", &TrainingOptions::task,
       "what is predicted: classification: the class of an image, of which it has one (column label of the "
       "samples); multilabel: labels, of which it has any number (`targets` of epochs, 1 or 0); regression: "
       "numbers (`targets` of epochs)")
      .choices(of_tasks([](const TaskKind& kind) { return std::vector{kind.name}; }));
  d.option("model", &ImageTrainingOptions::model,
           "resnet18, resnet34, resnet50, efficientnet_b0, or the path of a TorchScript module");
  d.option(
       "output", &ImageTrainingOptions::output,
       "what a TorchScript module gives: logits, probabilities, or auto: probabilities where its code ends "
       "in softmax, and logits where it does not; numbers that look otherwise are refused")
      .choices({"auto", "logits", "probabilities"});
  d.option("weights", &ImageTrainingOptions::weights, "file to begin with; random weights, if not given");
  d.option("freeze_backbone", &ImageTrainingOptions::freeze_backbone,
           "train the last layer only; the others, with their running statistics, stay as they are, and "
           "nothing is dropped out");
  d.option("layer_decay", &ImageTrainingOptions::layer_decay,
           "what the learning rate is multiplied with from the last layer towards the image, once for each "
           "block on the way (Bao et al. 2022, BEiT; in groups as timm has them: what comes before the first "
           "block, each block, with the last what comes between it and the last layer, the last layer, which "
           "learns at learning_rate); 1: all learn alike; not of TorchScript modules, whose blocks are not "
           "known")
      .above(0)
      .at_most(1);
  d.option("loss", &TrainingOptions::loss,
           "what is minimised; of classification cross_entropy (default) or focal, of multilabel bce (binary "
           "cross "
           "entropy of each label), of regression mse (default) or huber")
      .choices(of_tasks([](const TaskKind& kind) { return kind.losses; }));
  d.option(
      "class_weights", &TrainingOptions::class_weights,
      "auto (classes that are rarely drawn weigh more: with sampling: balanced all the same), or a number "
      "for each class; all 1, if not given");
  d.option("label_smoothing", &TrainingOptions::label_smoothing, "share of a label spread over all classes")
      .at_least(0)
      .at_most(1);
  d.option("focal_gamma", &TrainingOptions::focal_gamma, "how much less well-known samples count, for focal")
      .at_least(0);
  d.option("huber_delta", &TrainingOptions::huber_delta,
           "error from which on huber grows in a straight line, in the targets' unit")
      .above(0);
  d.option(
       "mixup", &ImageTrainingOptions::mixup,
       "train with images that are each mixed with another of their batch, and so are their targets "
       "(Zhang et al. 2018): the share is drawn from Beta(mixup, mixup) for each batch, 0.2 for example; of "
       "classes and labels the losses are mixed, of regression the numbers; 0: do not")
      .at_least(0)
      .at_most(64);
  describe_steps(d);
  d.option("checkpointing", &ImageTrainingOptions::checkpointing,
           "compute each block again in the backward pass instead of keeping it: less memory, more time");
  d.option("channels_last", &ImageTrainingOptions::channels_last,
           "keep colours beside each other, which is faster");
  d.option(
      "sync_batch_norm", &ImageTrainingOptions::sync_batch_norm,
      "where several ranks train: batch normalisation has the mean and variance of the samples of all, as "
      "of one process, instead of each rank's; each needs samples of each batch");
  describe_device(d);
  d.option(
       "on_oom", &ImageTrainingOptions::on_oom,
       "when a batch does not fit into memory: stop, and say what would, or split it and add up gradients: "
       "those of the whole batch, but that batch normalisation has the statistics of each part")
      .choices({"stop", "split"});
  d.option("metric", &TrainingOptions::metric,
           "what the best epoch is the best in; auc, or the loss of regression, if not given")
      .choices(of_tasks([](const TaskKind& kind) { return kind.metrics; }));
  describe_judging(d);
  describe_end(d);
}

}  // namespace flowrun::torch_nodes
