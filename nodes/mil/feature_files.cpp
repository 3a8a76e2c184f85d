// SPDX-License-Identifier: Apache-2.0
#include "feature_files.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include "nodes/table/slide_list.h"
#include "nodes/table/slide_names.h"

namespace flowrun::torch_nodes {

std::string bag_name(std::string_view text) {
  std::string name = wsi::slide_stem(text);
  for (const std::string& extension : wsi::feature_extensions())
    if (name.ends_with(extension)) return wsi::slide_stem(name.substr(0, name.size() - extension.size()));
  return name;
}

std::map<std::string, std::filesystem::path> feature_files(const std::vector<std::filesystem::path>& places) {
  std::map<std::string, std::filesystem::path> files;
  for (const wsi::ListedSlide& listed : wsi::list_slides(places, wsi::feature_extensions())) {
    const std::string name = bag_name(listed.path.filename().string());
    auto [it, is_new] = files.try_emplace(name, listed.path);
    if (is_new) continue;
    const bool was_tensor = it->second.extension() == ".pt", is_tensor = listed.path.extension() == ".pt";
    if (was_tensor == is_tensor)
      throw Error(fmt::format("two files have features of slide '{}': {} and {}", name, it->second.string(),
                              listed.path.string()));
    if (was_tensor) it->second = listed.path;
  }
  return files;
}

}  // namespace flowrun::torch_nodes
