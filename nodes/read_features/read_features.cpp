// SPDX-License-Identifier: Apache-2.0
#include "read_features.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <memory>
#include <optional>

#include "nodes/mil/feature_files.h"
#include "nodes/slide/slide_files.h"

namespace flowrun::torch_nodes {

void ReadFeatures::describe(Description<ReadFeatures>& d) {
  d.summary("Opens slides by the files of their features.")
      .details(
          "Files are those of CLAM, TRIDENT, STAMP or `save_features`, of the same graph too; a file's name "
          "is the "
          "slide's. `predict_mil` reads them block by block.")
      .example("of_files: {type: read_features, features: features}")
      .optional_input<FeatureFiles>("files")
      .scope_output<FeatureFile>("slide");
  d.option("features", &ReadFeatures::features,
           "files of features: file, glob pattern, folder, list, or several of these")
      .input_list();
}

void ReadFeatures::plan(Costs& costs) {
  if (costs.has("files") != features.empty())
    throw OptionError(
        "features",
        features.empty() ? "there are no features" : "features come from the graph and from files",
        "either `from:` a node of type save_features, or features");
  costs.out("slide", 0);
}

Scopes ReadFeatures::open(Inputs& in) {
  auto files = std::make_shared<const std::map<std::string, std::filesystem::path>>(
      in.has("files") ? in.get<FeatureFiles>("files").by_slide : feature_files(features));
  auto next = [files, at = files->begin()]() mutable -> std::optional<NewScope> {
    if (at == files->end()) return {};
    const auto& [slide, path] = *at++;
    return NewScope{slide, wsi::file_identity(path),
                    [path](Outputs& out) { out.emit("slide", FeatureFile{path}); }, wsi::bytes_of(path)};
  };
  return {std::move(next), files->size()};
}

}  // namespace flowrun::torch_nodes
