// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <plplot/plstream.h>

#include <filesystem>
#include <functional>
#include <string>

namespace flowrun::torch_nodes {

/// Colours of pictures: text and axes, then those that curves take in turn (of matplotlib's tab10).
constexpr int ink = 1, first_colour = 2, curve_colours = 9;

/// Draws a PNG or an SVG, by the file's extension, of this size in pixels, with `panels` beside each other.
/// The same bytes for what is drawn the same. Thread-safe: one at a time. Throws Error when it cannot be
/// written.
void draw_picture(const std::filesystem::path& file, int width, int height, int panels,
                  const std::function<void(plstream&)>& draw);

/// A name as PLplot shows it, which takes what follows a # for a command.
std::string plain(const std::string& name);

}  // namespace flowrun::torch_nodes
