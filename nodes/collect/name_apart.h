// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace flowrun::wsi::collect {

/// The name that a file or folder gets where the names of earlier attempts are taken. `path`: relative to
/// what is collected from, whose own name is `root`.
///   attempt 0   the name itself: x.svs; of a log folder with its folder's: a_logs
///   1, 2, ...   with the names of the folders above it before it: a_x.svs, then b_a_x.svs, up to `root`
///   after them  numbered: x_2.svs, x_3.svs, ...
/// Different attempts give different names, none longer than 255 bytes.
std::string name_apart(std::string_view path, std::string_view root, std::size_t attempt);

/// The part of a path after its last slash, and the part before it.
std::string_view name_in(std::string_view path);
std::string_view folder_in(std::string_view path);

}  // namespace flowrun::wsi::collect
