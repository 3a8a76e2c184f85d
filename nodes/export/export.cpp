// SPDX-License-Identifier: Apache-2.0
#include "export.h"

#include <flowrun/torch/model.h>
#include <fmt/format.h>

#include "nodes/base/out_file.h"
#include "nodes/torch/model_file.h"
#include "nodes/torch/pickle_file.h"
#include "script.h"

namespace flowrun::torch_nodes {

void Export::describe(Description<Export>& d) {
  d.summary("Writes a trained model for Python and other programs.")
      .details(
          "In `dir`: state_dict.pt, which torch.load reads and torchvision's class of the same name takes "
          "unchanged; torchscript.pt, which torch.jit.load runs without knowing the architecture, and which "
          "`predict` takes; model.json, the classes by output, the images' size, and mean and std of their "
          "normalisation. Outputs of both are logits as they were trained: what a calibrated model divides "
          "them by "
          "before softmax or sigmoid is in model.json (temperatures), and so is from which probability on it "
          "decides (thresholds); `predict` does so. The model comes from `train` in the same graph, or from "
          "its checkpoint.")
      .example("python: {type: export, from: model, dir: out_export}")
      .optional_input<Model>("model");
  d.option("checkpoint", &Export::checkpoint, "best.pt or last.pt of `train`, instead of the graph's model");
  d.option("dir", &Export::dir, "folder to write to; not that of `train`, which has a model.json of its own")
      .required()
      .output_folder();
}

void Export::plan(Costs& costs) {
  if (costs.has("model") == checkpoint.has_value())
    throw OptionError("checkpoint",
                      checkpoint ? "the model comes from the graph and from a file" : "there is no model",
                      "a checkpoint, or from: a node of type train");
  if (!checkpoint) return;
  try {
    read_checkpoint(*checkpoint);
    costs.keeps = 2 * std::filesystem::file_size(*checkpoint);  // the file, and the model made of it
  } catch (const Error& problem) {
    throw OptionError("checkpoint", problem.what());
  }
}

void Export::process(Inputs& in, Outputs&) {
  write(in.scope(), in.get<Model>("model"));
}

void Export::finish(Inputs& in, Outputs&) {
  if (checkpoint && !in.scope().failed()) write(in.scope(), read_model(*checkpoint));
}

void Export::write(const Scope& scope, const Model& model) const {
  write_pickle(scope.stage(dir, "state_dict.pt"), to_dict(model.network->state()));
  write_script(scope.stage(dir, "torchscript.pt"), model);
  wsi::write_file(scope.stage(dir, "model.json"), to_text(model.facts) + "\n");
}

}  // namespace flowrun::torch_nodes
