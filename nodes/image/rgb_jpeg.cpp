// SPDX-License-Identifier: Apache-2.0
#include "rgb_jpeg.h"

#include <turbojpeg.h>

#include <array>
#include <new>
#include <opencv2/core.hpp>

namespace flowrun::wsi {

void RgbJpegDecoder::Destroy::operator()(void* handle) const {
  tjDestroy(handle);
}

RgbJpegDecoder::RgbJpegDecoder(std::span<const std::uint8_t> tables) : handle_(tjInitDecompress()) {
  if (!handle_) throw std::bad_alloc();
  int width = 0, height = 0, subsampling = 0, colours = 0;
  if (!tables.empty())  // kept for the tiles; what is wrong with them shows at the first of these
    tjDecompressHeader3(handle_.get(), tables.data(), tables.size(), &width, &height, &subsampling, &colours);
}

bool RgbJpegDecoder::decode(std::span<const std::uint8_t> jpeg, int width, int height, std::uint8_t* rgb) {
  int jpeg_width = 0, jpeg_height = 0, subsampling = 0, colours = 0;
  if (tjDecompressHeader3(handle_.get(), jpeg.data(), jpeg.size(), &jpeg_width, &jpeg_height, &subsampling,
                          &colours) != 0 ||
      jpeg_width != width || jpeg_height != height || subsampling != TJSAMP_444 ||
      (colours != TJCS_RGB && colours != TJCS_YCbCr))  // others have four components
    return false;
  const auto plane_bytes = static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
  const auto memory = std::make_unique_for_overwrite<std::uint8_t[]>(3 * plane_bytes);
  std::array<unsigned char*, 3> starts{};
  std::array<cv::Mat, 3> planes;
  for (std::size_t i = 0; i < planes.size(); ++i) {
    starts[i] = memory.get() + i * plane_bytes;
    planes[i] = cv::Mat(height, width, CV_8UC1, starts[i]);
  }
  // Not converted: what the library calls Y, U and V are the components as they are in the file.
  if (tjDecompressToYUVPlanes(handle_.get(), jpeg.data(), jpeg.size(), starts.data(), width, nullptr, height,
                              TJFLAG_ACCURATEDCT) != 0)
    return false;
  cv::Mat interleaved(height, width, CV_8UC3, rgb);
  cv::merge(planes.data(), planes.size(), interleaved);
  return true;
}

}  // namespace flowrun::wsi
