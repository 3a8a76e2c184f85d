// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "reinhard.h"
#include "stains.h"

namespace flowrun::wsi {

/// What normalisation makes slides look like, or what one slide looks like: for each method what it needs.
struct StainReport {
  Stains stains = published_stains();        ///< for macenko and vahadane
  LabMoments lab = published_lab_moments();  ///< for reinhard
};

/// A file stains.yaml. It is meant to be read by people, kept with a study and compared by diff:
///
///   flowrun_stains: 1
///   method: macenko
///   io: 240
///   plus_one: true
///   of: median of 12
///   hematoxylin: {od: [0.5626, 0.7201, 0.4062], maximum: 1.9705}
///   eosin: {od: [0.2159, 0.8012, 0.5581], maximum: 1.0308}
///   residual: {maximum: 0.0311}
///   lab: {space: ruderman, mean: [8.741, -0.124, 0.044], deviation: [0.614, 0.11, 0.029]}
///
/// od: optical densities of R, G, B for one unit of the stain; maximum: 99th percentile of its concentration.
/// residual: what both stains do not explain, where it was measured.
/// Files without plus_one or space were written before there were others than these.
struct StainsFile {
  StainReport report;
  std::string method;    ///< that found the stains
  double io = 240;       ///< that densities are relative to
  std::string of;        ///< what it was made from, in words
  bool plus_one = true;  ///< see Densitometry

  std::string text() const;
  /// Throws Error that names the file, and the line of what is wrong.
  static StainsFile read(const std::filesystem::path& path);
};

}  // namespace flowrun::wsi
