// SPDX-License-Identifier: Apache-2.0
#include <flowrun/bytes.h>
#include <flowrun/wsi/slide.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>
#include <string>

#include "nodes.h"
#include "tiny_slide.h"

namespace fs = std::filesystem;

namespace {

/// The files that the option names, in an order that is always the same.
std::vector<fs::path> files_of(const std::vector<fs::path>& paths) {
  std::vector<fs::path> files;
  for (const fs::path& path : paths) {
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(path))
      if (entry.path().extension() == ".tiny") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::set<std::string> names;
  for (const fs::path& file : files)
    if (!names.insert(file.stem().string()).second)
      throw flowrun::Error(file.string() + ": there is another slide of this name");
  if (files.empty()) throw flowrun::Error("there are no tiny slides");
  return files;
}

/// By what the next run sees that the slide is the same. A file that is not there fails when it is opened.
std::map<std::string, std::string> identity_of(const fs::path& file) {
  std::error_code ignored;
  return {{"path", fs::absolute(file).string()},
          {"bytes", std::to_string(fs::file_size(file, ignored))},
          {"changed", std::to_string(fs::last_write_time(file, ignored).time_since_epoch().count())}};
}

}  // namespace

void ReadTiny::describe(flowrun::Description<ReadTiny>& d) {
  d.summary("Opens slides of the format \"tiny\".")
      .details("A line TINY 1 WIDTH HEIGHT MPP, then the pixels, row by row, a byte each for R, G and B.")
      .example("slides: {type: read_tiny, path: slides}")
      .scope_output<flowrun::wsi::Slide>("slide");
  d.option("path", &ReadTiny::path, "slide file, folder of *.tiny, or several of these")
      .required()
      .input_list();
}

void ReadTiny::plan(flowrun::Costs& costs) {
  costs.out("slide", 64 * flowrun::KiB);  // a file handle and some facts: pixels are not kept
}

flowrun::Scopes ReadTiny::open(flowrun::Inputs&) {
  const std::vector<fs::path> files = files_of(path);
  const auto next = [files, at = std::size_t{0}]() mutable -> std::optional<flowrun::NewScope> {
    if (at == files.size()) return {};
    const fs::path file = files[at++];
    const std::string name = file.stem().string();
    const auto open = [file, name](flowrun::Outputs& out) { out.emit("slide", open_tiny_slide(file, name)); };
    std::error_code unseen;
    const auto bytes = fs::file_size(file, unseen);
    return flowrun::NewScope{name, identity_of(file), open, unseen ? 0 : bytes};
  };
  return {next, files.size()};
}
