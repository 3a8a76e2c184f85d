// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <vector>

#include "fold_metrics.h"

namespace flowrun::torch_nodes {

/// Writes what was said of samples, for torch.load: tensors by column, a row for each sample: number, slide
/// and patient (int64, into the lists slides and patients), test, held_out, target and predicted (float32,
/// rows x numbers); thresholds (float64), those of all, by which predicted is decided on, maybe none. Throws
/// Error.
void write_evaluated(const std::filesystem::path& file, const std::vector<Evaluated>& samples);
/// Throws Error when the file has no such tensors.
std::vector<Evaluated> read_evaluated(const std::filesystem::path& file);

}  // namespace flowrun::torch_nodes
