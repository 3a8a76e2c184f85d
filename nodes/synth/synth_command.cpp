// SPDX-License-Identifier: Apache-2.0
#include "synth_command.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>

#include "nodes/base/say.h"
#include "synth.h"

namespace flowrun::wsi {
namespace {

int run(std::span<const std::string> arguments) {
  CLI::App app("Makes an H&E-like pyramidal slide (tiled JPEG TIFF as Aperio writes it).", "flowrun synth");
  std::filesystem::path out;
  SynthOptions options;
  std::string annotations;
  app.add_option("OUT", out, "slide to write, e.g. demo.svs")->required();
  app.add_option("--width", options.width, "level-0 pixels")->capture_default_str();
  app.add_option("--height", options.height, "level-0 pixels")->capture_default_str();
  app.add_option("--mpp", options.mpp, "microns per level-0 pixel")->capture_default_str();
  app.add_option("--seed", options.seed, "the same seed gives the same slide")->capture_default_str();
  app.add_option("--tumors", options.tumors,
                 "islands of tumor, the smallest; the others have none. Every other island, if not given");
  app.add_option("--annotations", annotations,
                 "Aperio ImageScope XML to write, with regions around the tissue");
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& problem) {
    return app.exit(problem) == 0 ? 0 : 2;
  }
  if (!annotations.empty()) options.annotations = annotations;
  try {
    write_synthetic_slide(out, options);
  } catch (const std::invalid_argument& problem) {
    say_to(stderr, "error: {}\n", problem.what());
    return 2;
  } catch (const std::exception& problem) {
    say_to(stderr, "error: {}\n", problem.what());
    return 1;
  }
  return 0;
}

}  // namespace

Command synth_command() {
  return {"synth", "Makes a synthetic slide.", run};
}

}  // namespace flowrun::wsi
