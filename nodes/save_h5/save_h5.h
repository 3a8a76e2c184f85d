// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>
#include <flowrun/wsi/tile.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// Writes where tiles are, and their pixels if wanted, as HDF5 files of CLAM, TRIDENT or STAMP. See
/// describe().
struct SaveH5 : GatherScopes {
  std::filesystem::path dir;
  std::string layout = "clam";
  bool pixels = false;
  int gzip = 0;
  bool process_list = false;
  std::optional<double> magnification;
  std::optional<int> size;
  std::optional<double> mpp;

  static void describe(Description<SaveH5>& d);
  bool needs_content(std::string_view, const Costs&) const override { return pixels; }
  void plan(Costs& costs) override;
  Action process(Inputs& in, Outputs& out) override;
  void finish(Inputs& in, Outputs& out) override;
  Packets finish_run(Inputs& in, Outputs& out) override;

 private:
  void write_empty(Inputs& in, Outputs& out) const;
  std::vector<std::string> patched_slides() const;
};

}  // namespace flowrun::wsi
