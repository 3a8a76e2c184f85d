// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/report.h>

#include <cstddef>
#include <mutex>
#include <nlohmann/json.hpp>
#include <vector>

namespace flowrun {

/// What a node has reported in one scope, in the order of the first item of each name. Thread-safe.
class Reported {
 public:
  /// Adds a histogram to that of the same name; replaces anything else. Throws std::logic_error when it is of
  /// another kind or has other edges than before, and when all items get larger than
  /// report::most_scope_bytes.
  void add(const report::Item& item);
  bool empty() const;
  /// For the journal; figures by their absolute paths.
  nlohmann::json json() const;

 private:
  mutable std::mutex mutex_;
  std::vector<report::Item> items_;
  std::size_t bytes_ = 0;
};

}  // namespace flowrun
