// SPDX-License-Identifier: Apache-2.0
// A node to test the samples of a training with.
#include <flowrun/plugin.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <fstream>

namespace {

using namespace flowrun;

/// Writes a line for each sample of an epoch, in their order, with a checksum of its pixels (FNV-1a).
struct ListSamples : Write {
  std::filesystem::path dir;
  struct Lines {
    std::string text;
  };
  static void describe(Description<ListSamples>& d) {
    d.summary("Lists samples.").input<wsi::Tile>("tile");
    d.option("dir", &ListSamples::dir, "folder").required().output_folder();
  }
  Action process(Inputs& in, Outputs&) override {
    const auto& tile = in.get<wsi::Tile>("tile");
    std::uint64_t sum = 0xcbf29ce484222325;
    for (int row = 0; row < tile.pixels.rows; ++row)
      for (int i = 0; i < tile.pixels.cols * 3; ++i) sum = (sum ^ tile.pixels.ptr(row)[i]) * 0x100000001b3;
    const wsi::Sample& sample = *tile.sample;
    std::string line = fmt::format("{} {} {} {} {} {} {} {:016x}\n", in.index(), sample.epoch,
                                   sample.validation ? "validation" : "training", tile.slide->name, tile.x,
                                   tile.y, sample.set->classes.at(sample.label), sum);
    return [line = std::move(line), &lines = in.state<Lines>()] { lines.text += line; };
  }
  void finish(Inputs& in, Outputs&) override {
    if (!in.scope().failed())
      std::ofstream(in.scope().stage(dir, in.scope().name() + ".txt")) << in.state<Lines>().text;
  }
};

}  // namespace

FLOWRUN_PLUGIN("test_samples", "1.0.0", registry) {
  registry.node<ListSamples>("list_samples");
}
