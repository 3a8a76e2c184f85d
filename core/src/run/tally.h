// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace flowrun {

/// How often each text was said. Of more than a hundred different ones the rest are counted as one.
/// Thread-safe.
class Tally {
 public:
  void add(const std::string& text) {
    constexpr std::size_t most = 100;
    std::scoped_lock lock(mutex_);
    const bool known = counts_.size() < most || counts_.contains(text);
    ++counts_[known ? text : "and others"];
  }
  std::map<std::string, std::uint64_t> counts() const {
    std::scoped_lock lock(mutex_);
    return counts_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace flowrun
