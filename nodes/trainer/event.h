// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace flowrun::torch_nodes {

/// Records of TensorBoard's event files; the numbers of fields are those of tensorflow/core/util/event.proto
/// and tensorflow/core/framework/summary.proto, their bytes those of protocol buffers
/// (protobuf.dev/programming-guides/encoding).
class Event {
 public:
  /// The first of a file.
  static std::string first();
  Event(double wall_time, std::int64_t step);
  void add(std::string_view tag, float value);
  std::string record() const;

 private:
  std::string head_;
  std::string summary_;
};

}  // namespace flowrun::torch_nodes
