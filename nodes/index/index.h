// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <string_view>

namespace flowrun::wsi {

/// Gathers the places of tiles of all slides. See describe().
struct Index : GatherScopes {
  static void describe(Description<Index>& d);
  bool needs_content(std::string_view, const Costs&) const override { return false; }
  void plan(Costs& costs) override;
  Action process(Inputs& in, Outputs& out) override;
  void finish(Inputs& in, Outputs& out) override;
  Packets finish_run(Inputs& in, Outputs& out) override;
};

}  // namespace flowrun::wsi
