// SPDX-License-Identifier: Apache-2.0
/// Reads annotations of any format and draws them. An Error is a right answer.
#include <flowrun/error.h>
#include <flowrun/wsi/class_mask.h>

#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <string>

#include "nodes/mask/annotation_file.h"

using namespace flowrun;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  wsi::AnnotationFile file;
  try {
    file = wsi::parse_annotations({reinterpret_cast<const char*>(data), size}, "input");
  } catch (const Error&) {
    return 0;
  }
  std::vector<wsi::Region> regions;
  for (auto& region : file.regions)
    regions.push_back({region.hole ? std::uint8_t{0} : std::uint8_t{1}, std::move(region.rings), region.layer,
                       region.hole, region.winding});
  const wsi::ClassMask mask({{"any", 1}}, std::move(regions), 4000, 3000);
  cv::Mat values(128, 128, CV_8UC1);
  mask.draw(4, 500, 300, values);
  return 0;
}
