// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/scope.h>

#include <filesystem>
#include <string>

namespace flowrun::torch_nodes {

class Trainer;

/// Hands on what an epoch that has ended leaves in `folder` of the output folder `dir`: last.pt, best.pt and
/// model.json (of the best epoch), metrics as CSV, JSON Lines and for TensorBoard, curves where there is
/// PLplot. Returns whether the epoch is the best so far, of which best.pt is.
bool hand_on_epoch(const Trainer& trainer, const Scope& epoch, const std::filesystem::path& dir,
                   const std::filesystem::path& folder = {});

}  // namespace flowrun::torch_nodes
