// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/inputs.h>

#include <memory>

namespace flowrun::wsi {

/// The packet of an optional input; null where nothing feeds it.
template <class T>
std::shared_ptr<const T> if_connected(const Inputs& in, const char* port) {
  return in.has(port) ? in.share<T>(port) : nullptr;
}

}  // namespace flowrun::wsi
