// SPDX-License-Identifier: Apache-2.0
// Runs networks for torch_test.py, which compares with torchvision.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <exception>
#include <span>
#include <string>

#include "nodes/torch/pickle_file.h"
#include "nodes/torch/safetensors.h"
#include "nodes/torch/state_dict.h"

namespace {

using namespace flowrun::torch_nodes;

/// forward ARCHITECTURE CLASSES WEIGHTS IMAGES(safetensors: images) OUT(.pt: logits)
/// rewrite ARCHITECTURE CLASSES WEIGHTS OUT: the weights through our network into a state dict
int run(std::span<char*> arguments) {
  const std::string what = arguments[1];
  const auto network = make_network(arguments[2], std::stoll(arguments[3]));
  load_weights(*network, read_state_dict(arguments[4]), arguments[4]);
  network->train(false);
  const c10::NoGradGuard no_grad;
  if (what == "forward") {
    const at::Tensor images = read_safetensors(arguments[5]).at("images");
    write_pickle(arguments[6], to_dict({{"logits", network->forward(images)}}));
  } else {
    write_pickle(arguments[5], to_dict(network->state()));
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run({arguments, static_cast<std::size_t>(count)});
  } catch (const std::exception& problem) {
    fmt::print(stderr, "{}\n", problem.what());
    return 1;
  }
}
