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
  d.option("precision", &TrainingOptions::precision,
           "fp32, or half of it where that is safe: bf16, or on a GPU fp16 with loss scaling")
      .choices({"fp32", "bf16", "fp16"});
}

template <class N>
void describe_device(Description<N>& d) {
  d.option("device", &TrainingOptions::device, "auto, cpu or cuda:N");
  d.option("threads", &TrainingOptions::threads,
           "that the model computes with; as many as the run has, if not given")
      .at_least(1);
  d.option("empty_cache_steps", &TrainingOptions::empty_cache_steps,
           "steps after which the GPU's unused memory is given back; 0: never")
      .at_least(0);
}

template <class N>
void describe_end(Description<N>& d) {
  d.option("patience", &TrainingOptions::patience,
           "epochs without a better metric after which training stops")
      .at_least(1);
  d.option("seed", &TrainingOptions::seed, "of first weights and dropout").at_least(0);
}

}  // namespace flowrun::torch_nodes
