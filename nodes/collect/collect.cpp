// SPDX-License-Identifier: Apache-2.0
#include "collect.h"

#include <fmt/format.h>

#include "collector.h"
#include "nodes/slide/slide_opener.h"
#include "nodes/table/slide_list.h"

namespace flowrun::wsi {
namespace {

collect::CollectOptions options_of(const Collect& node) {
  collect::CollectOptions options{node.source, node.slides, node.logs.value_or("")};
  options.extensions = node.extensions.empty() ? collect::default_extensions()
                                               : collect::parse_extensions("extensions", node.extensions);
  return options;
}

/// What could not be collected, for one message.
std::string failure_of(const collect::CollectResult& result) {
  if (result.failures.empty()) return {};
  std::string text = fmt::format("{} files or folders could not be collected:", result.failures.size());
  constexpr std::size_t most = 5;
  for (std::size_t i = 0; i < std::min(result.failures.size(), most); ++i)
    text += fmt::format("{} {}: {}", i > 0 ? ";" : "", printable(result.failures[i].path),
                        result.failures[i].text);
  return text + (result.failures.size() > most ? "; ..." : "");
}

}  // namespace

void Collect::describe(Description<Collect>& d) {
  d.summary("Moves slides out of nested folders into one folder, then opens them.")
      .details(
          "For downloads that lie in a folder each. Before the first slide is opened, all slides below "
          "`source` are moved to `slides`, a MIRAX slide with the folder of its name, and all logs (`*.log`, "
          "folders called `logs`) to `logs`; folders that become empty are removed. On one file system this "
          "renames; else files are copied with times and permissions, read back, compared, and only then "
          "removed. Nothing is ever replaced: a file of a name that is taken is a duplicate if its bytes are "
          "the same, and removed; else it gets its folder's name put before its own (`a_x.svs`). A folder "
          "`logs` gets its folder's name in any case (`a_logs`). Other files are left alone, and so are "
          "hidden files and folders, symbolic links, .vms, .vmu and .dcm slides (which have parts in "
          "files beside them) and MIRAX slides without their folder; a folder `logs` with something in it "
          "that is "
          "left alone stays as it is. Then all slides in `slides` are opened as "
          "`read` opens them, those of earlier runs too. What cannot be moved stays whole where it is and is "
          "reported as a failure after the slides. `flowrun collect` does the moving alone, and takes it "
          "back (`--undo`).")
      .example("collected: {type: collect, source: downloads, slides: slides}")
      .scope_output<Slide>("slide");
  d.option("source", &Collect::source, "folder to look for slides in, with all below it")
      .required()
      .input_list();
  d.option("slides", &Collect::slides, "folder to move slides to; made if need be").required().input_list();
  d.option("logs", &Collect::logs, "folder to move logs to; without it they are left alone").input_list();
  d.option("extensions", &Collect::extensions,
           "of slides; if empty all that OpenSlide reads but .vms, .vmu and .dcm")
      .input_list();
  d.option("mpp", &Collect::mpp, "microns per level-0 pixel, instead of what the file says")
      .above(0)
      .at_most(1000);
  d.option("backend", &Collect::backend, "what reads pixels, as for the node read")
      .choices({"auto", "openslide", "tiff"});
  d.option("color", &Collect::color, "as for the node read").choices({"stored", "icc"});
}

void Collect::plan(Costs& costs) {
  check(options_of(*this));
  costs.out("slide", open_slide_bytes);
}

Scopes Collect::open(Inputs&) {
  const collect::CollectOptions options = options_of(*this);
  const collect::CollectResult result = collect::collect(options, {});
  return scopes_of(list_slides({options.slides}, options.extensions), slide_options(mpp, backend, color),
                   failure_of(result));
}

}  // namespace flowrun::wsi
