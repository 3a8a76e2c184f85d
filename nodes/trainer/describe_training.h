// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include "training_options.h"

namespace flowrun::torch_nodes {

// The options of TrainingOptions that mean the same whatever a sample is.

template <class N>
void describe_steps(Description<N>& d) {
  d.option("optimizer", &TrainingOptions::optimizer, "how weights follow gradients")
      .choices({"adamw", "sgd"});
  d.option("learning_rate", &TrainingOptions::learning_rate, "highest of the schedule").above(0);
  d.option("weight_decay", &TrainingOptions::weight_decay, "pull of weights towards 0").at_least(0);
  d.option("decay", &TrainingOptions::decay,
           "what weight_decay pulls: all, or weights: neither biases nor the scales and shifts of "
           "normalisation, which are parameters of fewer than two dimensions (He et al. 2019, Bag of tricks; "
           "as timm)")
      .choices({"all", "weights"});
  d.option("momentum", &TrainingOptions::momentum, "of sgd, unless one_cycle cycles it")
      .at_least(0)
      .at_most(1);
  d.option("schedule", &TrainingOptions::schedule,
           "the learning rate over the run; one_cycle is PyTorch's OneCycleLR with its defaults, which also "
           "cycles the momentum (of adamw the first beta) from 0.95 to 0.85 and back")
      .choices({"constant", "cosine", "step", "one_cycle"});
  d.option("warmup_epochs", &TrainingOptions::warmup_epochs, "epochs in which the learning rate rises from 0")
      .at_least(0);
  d.option("step_epochs", &TrainingOptions::step_epochs, "epochs between steps of the schedule").at_least(1);
  d.option("step_factor", &TrainingOptions::step_factor,
           "what the learning rate is multiplied with at a step")
      .above(0)
      .at_most(1);
  d.option("clip_norm", &TrainingOptions::clip_norm, "largest norm of all gradients together").above(0);
  d.option("accumulate", &TrainingOptions::accumulate,
           "batches whose gradients are added up for a step, as if they were one batch (but that batch "
           "normalisation has the statistics of each)")
      .at_least(1);
  d.option(
       "ema", &TrainingOptions::ema,
       "what the average of the weights keeps of itself at a step, 0.999 for example (exponential moving "
       "average, Polyak and Juditsky 1992; as torch.optim.swa_utils.AveragedModel: it begins with the "
       "weights "
       "after the first step, and running statistics of batch normalisation are averaged, too). Validation "
       "and the model that is passed on have the average, which checkpoints call model; the weights that "
       "training goes on from are there as trained")
      .above(0)
      .at_most(0.999999);
  d.option("precision", &TrainingOptions::precision,
           "fp32, or half of it where that is safe: bf16, or on a GPU fp16 with loss scaling")
      .choices({"fp32", "bf16", "fp16"});
}

template <class N>
void describe_device(Description<N>& d) {
  d.option("device", &TrainingOptions::device,
           "auto, cpu or cuda:N, whose own memory the graph's device_memory bounds");
  d.option("threads", &TrainingOptions::threads,
           "that the model computes with; as many as the run has, if not given")
      .at_least(1);
  d.option("empty_cache_steps", &TrainingOptions::empty_cache_steps,
           "steps after which the GPU's unused memory is given back; 0: never")
      .at_least(0);
}

/// What is chosen on validation for the model that is handed on.
template <class N>
void describe_judging(Description<N>& d) {
  d.option(
      "calibrate", &TrainingOptions::calibrate,
      "fit a temperature (of each label one) on each epoch's validation, by which logits are divided so "
      "that its negative log likelihood is least (Guo et al., ICML 2017); checkpoints say it, and predict "
      "and predict_mil divide by it; of classification and multilabel");
  d.option(
       "threshold", &TrainingOptions::threshold,
       "from which probability of the second of two classes, or of each label, a sample is predicted to be "
       "of it, chosen on each epoch's validation: youden (highest sensitivity + specificity: Youden 1950), "
       "f1 (highest F1), the highest of several; none: the class with the highest probability, labels from "
       "0.5 on; checkpoints say it, and what predicts with them decides by it")
      .choices({"none", "youden", "f1"});
  d.option("licence", &TrainingOptions::licence, "of the model, for model.json");
  d.option("intended_use", &TrainingOptions::intended_use,
           "of the model, and what it is not for, for model.json");
}

template <class N>
void describe_end(Description<N>& d) {
  d.option("patience", &TrainingOptions::patience,
           "epochs without a better metric after which training stops")
      .at_least(1);
  d.option("seed", &TrainingOptions::seed, "of first weights and dropout").at_least(0);
}

}  // namespace flowrun::torch_nodes
