// SPDX-License-Identifier: Apache-2.0
#include "icc.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <lcms2.h>

#include <array>
#include <string_view>

namespace flowrun::wsi {
namespace {

struct CloseProfile {
  void operator()(void* profile) const { cmsCloseProfile(profile); }
};
using Profile = std::unique_ptr<void, CloseProfile>;

Profile opened(std::span<const std::uint8_t> bytes) {
  Profile profile(cmsOpenProfileFromMem(bytes.data(), static_cast<cmsUInt32Number>(bytes.size())));
  if (!profile) throw Error("damaged ICC profile");
  return profile;
}

/// Four letters, such as "RGB ".
std::string signature(std::uint32_t number) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const auto letter = static_cast<char>(number >> shift & 0xff);
    text += letter > ' ' && letter <= '~' ? letter : ' ';
  }
  return text;
}

}  // namespace

struct ToSrgb::Transform {
  struct Delete {
    void operator()(void* transform) const { cmsDeleteTransform(transform); }
  };
  std::unique_ptr<void, Delete> handle;
};

ToSrgb::ToSrgb(std::span<const std::uint8_t> bytes)
    : transform_([&] {
        const Profile from = opened(bytes), to(cmsCreate_sRGBProfile());
        if (const auto space = cmsGetColorSpace(from.get()); space != cmsSigRgbData)
          throw Error(fmt::format("an ICC profile of colours '{}', expected 'RGB'", signature(space)));
        // Without a cache in it threads may share a transform.
        auto transform = std::make_unique<Transform>();
        transform->handle.reset(cmsCreateTransform(from.get(), TYPE_RGB_8, to.get(), TYPE_RGB_8,
                                                   cmsGetHeaderRenderingIntent(from.get()),
                                                   cmsFLAGS_NOCACHE));
        if (!transform->handle) throw Error("damaged ICC profile: it has no way from its colours to others");
        return transform;
      }()) {}

ToSrgb::~ToSrgb() = default;

void ToSrgb::apply(cv::Mat& rgb) const {
  const auto stride = static_cast<cmsUInt32Number>(rgb.step);
  cmsDoTransformLineStride(transform_->handle.get(), rgb.data, rgb.data,
                           static_cast<cmsUInt32Number>(rgb.cols), static_cast<cmsUInt32Number>(rgb.rows),
                           stride, stride, 0, 0);
}

std::string icc_description(std::span<const std::uint8_t> bytes) {
  const Profile profile = opened(bytes);
  std::array<char, 256> text{};
  cmsGetProfileInfoASCII(profile.get(), cmsInfoDescription, "en", "US", text.data(),
                         static_cast<cmsUInt32Number>(text.size()));
  return text.data();
}

}  // namespace flowrun::wsi
