// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "nodes/slide/samples.h"
#include "row_roles.h"

namespace flowrun::wsi {

/// Warnings when two parts (training, validation, test) of one fold have the same images, and without folds
/// the same slides or patients; of folds RowRoles tells these. Images are the same when their paths are,
/// through links.
std::vector<std::string> said_of_overlap(const Samples& samples, const RowRoles& roles, bool in_folds);

}  // namespace flowrun::wsi
