// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "collector.h"

namespace flowrun::wsi::collect {

/// What a result is of.
struct Tense {
  bool undone = false;
  bool pretended = false;  ///< nothing was changed
};

/// For people: what is worth knowing of single files (all, if nothing was changed), then how many of each.
std::string report_text(const CollectResult& result, Tense tense);
/// A line for each failure; many are cut short.
std::string report_failures(const CollectResult& result);
/// For programs: all of it. Bytes that are no UTF-8 are written as %XX.
std::string report_json(const CollectResult& result, Tense tense, int exit_code);

}  // namespace flowrun::wsi::collect
