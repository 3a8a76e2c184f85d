// SPDX-License-Identifier: Apache-2.0
#include "autocast.h"

#include <ATen/autocast_mode.h>
#include <torch/version.h>

namespace flowrun::torch_nodes {
namespace {

namespace autocast = at::autocast;

// One interface for all devices came with torch 2.4.
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
bool is_on(c10::DeviceType device) {
  return autocast::is_autocast_enabled(device);
}
c10::ScalarType type_for(c10::DeviceType device) {
  return autocast::get_autocast_dtype(device);
}
void set(c10::DeviceType device, bool on, c10::ScalarType type) {
  autocast::set_autocast_enabled(device, on);
  autocast::set_autocast_dtype(device, type);
}
#else
bool is_on(c10::DeviceType device) {
  return device == c10::DeviceType::CPU ? autocast::is_cpu_enabled() : autocast::is_enabled();
}
c10::ScalarType type_for(c10::DeviceType device) {
  return device == c10::DeviceType::CPU ? autocast::get_autocast_cpu_dtype()
                                        : autocast::get_autocast_gpu_dtype();
}
void set(c10::DeviceType device, bool on, c10::ScalarType type) {
  if (device == c10::DeviceType::CPU) {
    autocast::set_cpu_enabled(on);
    autocast::set_autocast_cpu_dtype(type);
  } else {
    autocast::set_enabled(on);
    autocast::set_autocast_gpu_dtype(type);
  }
}
#endif

void apply(const Autocast::Setting& setting) {
  set(setting.device, setting.type.has_value(), setting.type.value_or(type_for(setting.device)));
}

}  // namespace

Autocast::Setting Autocast::setting(c10::Device device) {
  Setting now{device.type(), {}};
  if (is_on(device.type())) now.type = type_for(device.type());
  return now;
}

Autocast::Autocast(const Setting& setting) : before_(Autocast::setting(c10::Device(setting.device))) {
  apply(setting);
  autocast::increment_nesting();
}

Autocast::~Autocast() {
  // Weights in half precision are kept while it lasts.
  if (autocast::decrement_nesting() == 0) autocast::clear_cache();
  apply(before_);
}

}  // namespace flowrun::torch_nodes
