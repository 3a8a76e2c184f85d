// SPDX-License-Identifier: Apache-2.0
#include "deep_zoom.h"

#include <fmt/format.h>

namespace flowrun::wsi {

std::string DeepZoom::descriptor(const std::string& format) const {
  return fmt::format(R"(<?xml version="1.0" encoding="UTF-8"?>
<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="{}" Overlap="{}" TileSize="{}">
  <Size Width="{}" Height="{}"/>
</Image>
)",
                     format, overlap, tile, size.width, size.height);
}

}  // namespace flowrun::wsi
