// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <optional>

namespace flowrun::torch_nodes {

/// Lets torch choose, for each operation, half the precision where that is safe, until it goes out of scope.
class Autocast {
 public:
  /// The type that is used for it; nothing: full precision.
  struct Setting {
    c10::DeviceType device = c10::DeviceType::CPU;
    std::optional<c10::ScalarType> type;
  };
  /// How this thread computes on `device` now.
  static Setting setting(c10::Device device);

  explicit Autocast(const Setting& setting);
  ~Autocast();
  Autocast(const Autocast&) = delete;

 private:
  Setting before_;
};

}  // namespace flowrun::torch_nodes
