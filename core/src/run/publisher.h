// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "output/publication.h"

namespace flowrun {

/// Publishes scopes on a thread of its own, so that no call waits for the disk: all that ended meanwhile
/// share the next flush.
class Publisher {
 public:
  /// Called on the publishing thread with what went wrong, or nothing. Must not throw.
  using Done = std::function<void(std::exception_ptr)>;

  Publisher();
  ~Publisher();  ///< publishes what is left
  void publish(Publication publication, Done done);

 private:
  void work(std::stop_token stop);

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::vector<Publication> waiting_;
  std::vector<Done> done_;
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace flowrun
