// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <functional>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>

#include "optical_density.h"
#include "peers.h"
#include "stain_colours.h"
#include "stains_file.h"
#include "vahadane.h"

namespace flowrun::wsi {

/// How stains are found: the options that `normalize` and `fit_stains` share.
struct StainMethod {
  std::string method = "macenko";
  std::optional<std::string> like, space, tissue, residual;
  std::optional<double> io, beta, alpha;
  std::optional<bool> plus_one;
  bool exact = false;
  double sparsity = 0.1, tolerance = 1e-5;
  int max_rounds = 300;
  std::optional<std::filesystem::path> matrix;

  /// Bytes that finding stains in a picture of `picture` bytes, or changing them, takes besides it.
  std::size_t scratch(std::size_t picture) const;

  /// What is not given is as `like` has it.
  const MethodDetails& details() const;
  Densitometry light() const;
  LabSpace lab_space() const;
  std::string measured_tissue() const { return tissue.value_or(details().tissue); }
  bool scales_residual() const { return residual.value_or(details().residual) == "scale"; }
  /// Checks options against each other and reads the file that `matrix` names; before the calls below.
  /// Throws OptionError.
  void prepare();
  /// The stains of a picture (rows x cols x 3, 8 bit, RGB); nothing when there are none to be told apart.
  std::optional<Stains> stains_of(const cv::Mat& rgb) const;
  /// What Reinhard's method needs of it; nothing when there is no stain.
  std::optional<LabMoments> lab_of(const cv::Mat& rgb) const;
  /// The pixels of a PNG or JPEG as `tissue` needs them: each in its place, what is transparent on white, or
  /// the opaque ones alone, which may be none. Throws Error.
  cv::Mat pixels_of(const std::filesystem::path& file) const;
  /// What the target file says: a picture, whose stains are found, or stains.yaml. Throws Error.
  StainReport target(const std::filesystem::path& file) const;
  /// What `method` changes a picture from: its stains, or with reinhard its moments; nothing when it shows no
  /// stain to start from.
  std::optional<StainReport> start_of(const cv::Mat& rgb) const;
  /// What makes a picture's pixels, in place, look like the target.
  std::function<void(cv::Mat&)> change(const StainReport& from, const StainReport& target) const;

 protected:
  /// Throws OptionError when an option is `given` and `like` has another value.
  template <class T, class U>
  void check_like(const char* option, const std::optional<T>& given, const U& theirs) const;

 private:
  void read_matrix();
  /// How it is with Reinhard's method, which fit_stains measures for besides another one.
  const MethodDetails& lab_details() const;
  /// `measured`: the pixels that the colours are found from, with what counts as stained there.
  std::optional<Stains> found_in(const cv::Mat& measured, const Densitometry& light) const;
  std::optional<Stains> without_residual(const cv::Mat& rgb) const;

  std::optional<StainMatrix> given_;  ///< by `matrix`
};

template <class T, class U>
void StainMethod::check_like(const char* option, const std::optional<T>& given, const U& theirs) const {
  if (!like || !given || *given == theirs) return;
  const std::string wanted = OptionType<T>::text(T(theirs));
  throw OptionError(
      option, option + (" is " + wanted) + " with like: " + *like + ", not " + OptionType<T>::text(*given),
      option + (": " + wanted) + ", or without like");
}

/// Changes the pixels of pictures with the stains `from` to what they were with the stains `to`.
std::function<void(cv::Mat&)> stain_change(const Stains& from, const Stains& to, const Densitometry& light);

}  // namespace flowrun::wsi
