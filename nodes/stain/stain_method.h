// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <functional>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>

#include "optical_density.h"
#include "stain_colours.h"
#include "stains_file.h"
#include "vahadane.h"

namespace flowrun::wsi {

/// How stains are found: the options that `normalize` and `fit_stains` share.
struct StainMethod {
  std::string method = "macenko";
  double io = 240, beta = 0.15, alpha = 1;
  bool exact = false;
  double sparsity = 0.1, tolerance = 1e-5;
  int max_rounds = 300;
  std::optional<std::filesystem::path> matrix;

  /// Bytes that finding stains, or changing them, takes besides the picture.
  static constexpr std::size_t scratch = std::size_t{64} << 10;

  Densitometry light() const { return {io, beta}; }
  /// Reads the file that `matrix` names; before the calls below. Throws OptionError.
  void read_matrix();
  /// The stains of a picture (rows x cols x 3, 8 bit, RGB); nothing when there are none to be told apart.
  std::optional<Stains> stains_of(const cv::Mat& rgb) const;
  /// What the target file says: a picture, whose stains are found, or stains.yaml. Throws Error.
  StainReport target(const std::filesystem::path& file) const;
  /// What makes a picture's pixels, in place, look like the target; empty when `rgb` shows no stain to start
  /// from.
  std::function<void(cv::Mat&)> change(const cv::Mat& rgb, const StainReport& target) const;

 private:
  StainMatrix given_ = ruifrok_stains();
};

/// Changes the pixels of pictures with the stains `from` to what they were with the stains `to`.
std::function<void(cv::Mat&)> stain_change(const Stains& from, const Stains& to, double io);

}  // namespace flowrun::wsi
