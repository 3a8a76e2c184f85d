// SPDX-License-Identifier: Apache-2.0
#include <ATen/Context.h>
#include <flowrun/plugin.h>
#include <fmt/format.h>
#include <torch/csrc/api/include/torch/version.h>

#include <opencv2/core/utility.hpp>

#include "nodes/bags/bags.h"
#include "nodes/embed/embed.h"
#include "nodes/export/export.h"
#include "nodes/predict/predict.h"
#include "nodes/predict_mil/predict_mil.h"
#include "nodes/read_features/read_features.h"
#include "nodes/save_features/save_features.h"
#include "nodes/segment/segment.h"
#include "nodes/to_tensor/to_tensor.h"
#include "nodes/train/train.h"
#include "nodes/train_mil/train_mil.h"

FLOWRUN_PLUGIN("torch", FLOWRUN_VERSION, registry) {
  using namespace flowrun::torch_nodes;
  // OpenCV's own threads would run other packets' work in the middle of a call.
  cv::setNumThreads(1);
  registry.library(fmt::format("libtorch {} with {} CUDA devices", TORCH_VERSION, at::getNumGPUs()));
  registry.node<Bags>("bags");
  registry.node<Embed>("embed");
  registry.node<Export>("export");
  registry.node<Predict>("predict");
  registry.node<PredictMil>("predict_mil");
  registry.node<ReadFeatures>("read_features");
  registry.node<SaveFeatures>("save_features");
  registry.node<Segment>("segment");
  registry.node<ToTensor>("to_tensor");
  registry.node<Train>("train");
  registry.node<TrainMil>("train_mil");
}
