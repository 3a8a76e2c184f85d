// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <utility>
#include <vector>

namespace flowrun::torch_nodes {

/// What is read of the work with batches: at the end of a batch, or, where a device works beside the host, at
/// the end of the next one, so that it always has something to do. In the order in which it was added.
class LateReads {
 public:
  using Read = std::function<void()>;
  explicit LateReads(bool one_batch_later) : late_(one_batch_later) {}

  /// Of the batch under way.
  void add(Read read) { of_this_.push_back(std::move(read)); }
  /// Of the batch that has just ended.
  void add_to_ended(Read read) { late_ ? of_ended_.push_back(std::move(read)) : read(); }
  /// The batch under way is begun anew.
  void forget_batch() { of_this_.clear(); }
  /// The batch under way has ended. Throws what a read throws; those after it are forgotten.
  void end_batch() {
    std::vector<Read> now = std::exchange(of_this_, {});
    if (late_) now.swap(of_ended_);
    for (const Read& read : now) read();
  }
  /// No batch is under way, and none that ended is to be waited for.
  void read_all() { end_batch(); }

 private:
  const bool late_;
  std::vector<Read> of_ended_, of_this_;
};

}  // namespace flowrun::torch_nodes
