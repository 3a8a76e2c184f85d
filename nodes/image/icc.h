// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <span>
#include <string>

namespace flowrun::wsi {

/// Turns colours of an ICC profile (ICC.1, RGB) into sRGB, by the rendering intent that the profile's header
/// asks for, without black point compensation: as jpgicc of Little CMS does. Thread-safe.
class ToSrgb {
 public:
  /// Throws Error when `profile` is damaged, or of other colours than red, green and blue.
  explicit ToSrgb(std::span<const std::uint8_t> profile);
  ~ToSrgb();

  /// `rgb`: rows x cols x 3, 8 bit; changed in place.
  void apply(cv::Mat& rgb) const;

 private:
  struct Transform;
  const std::unique_ptr<const Transform> transform_;
};

/// The profile's own description of itself, in English where it has that. Throws Error when it is damaged.
std::string icc_description(std::span<const std::uint8_t> profile);

}  // namespace flowrun::wsi
