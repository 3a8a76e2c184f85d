// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/scope.h>

#include <cstddef>
#include <filesystem>
#include <string>

namespace flowrun::torch_nodes {

class Trainer;

/// Hands on what an epoch that has ended leaves in `folder` of the output folder `dir`: last.pt, best.pt and
/// model.json (of the best epoch), metrics as CSV, JSON Lines and for TensorBoard, curves where there is
/// PLplot. Returns whether the epoch is the best so far, of which best.pt is.
bool hand_on_epoch(const Trainer& trainer, const Scope& epoch, const std::filesystem::path& dir,
                   const std::filesystem::path& folder = {});

/// The folder of a fold's files, in the output folder: fold_K.
std::string fold_folder(std::size_t fold);

/// How many folds have a best.pt in `dir`, counted from fold_0 on.
std::size_t folds_in(const std::filesystem::path& dir);

/// Throws Error when `dir` holds models of an earlier training that this one, in so many folds (0: without),
/// would not replace: readers would take them for its own.
void refuse_other_models(const std::filesystem::path& dir, std::size_t folds);

}  // namespace flowrun::torch_nodes
