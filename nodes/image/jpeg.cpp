// SPDX-License-Identifier: Apache-2.0
#include "jpeg.h"

#include <flowrun/error.h>
#include <turbojpeg.h>

#include <memory>
#include <string>

namespace flowrun::wsi {

std::size_t max_jpeg_bytes(int rows, int cols) {
  return tjBufSize(cols, rows, TJSAMP_420);
}

void encode_jpeg(const cv::Mat& rgb, int quality, std::vector<std::uint8_t>& out) {
  const std::unique_ptr<void, int (*)(tjhandle)> encoder(tjInitCompress(), &tjDestroy);
  out.resize(max_jpeg_bytes(rgb.rows, rgb.cols));
  unsigned char* target = out.data();
  unsigned long size = out.size();
  const bool grey = rgb.channels() == 1;
  const auto pitch = static_cast<int>(rgb.step);
  if (tjCompress2(encoder.get(), rgb.data, rgb.cols, pitch, rgb.rows, grey ? TJPF_GRAY : TJPF_RGB, &target,
                  &size, grey ? TJSAMP_GRAY : TJSAMP_420, quality, TJFLAG_NOREALLOC) != 0)
    throw Error(std::string("JPEG: ") + tjGetErrorStr2(encoder.get()));
  out.resize(size);
}

}  // namespace flowrun::wsi
