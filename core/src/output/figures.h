// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace flowrun {

/// Figures that nodes reported are told in a journal's entry by their paths from the folder that it lies in, so
/// that folders can be moved together. Until then they are absolute.
void make_figures_relative(nlohmann::json& entry, const std::filesystem::path& folder);

}  // namespace flowrun
