// SPDX-License-Identifier: Apache-2.0
#include "run/publisher.h"

#include <algorithm>
#include <utility>

namespace flowrun {

Publisher::Publisher() : thread_([this](std::stop_token stop) { work(stop); }) {}
Publisher::~Publisher() = default;

void Publisher::publish(Publication publication, Done done) {
  {
    std::scoped_lock lock(mutex_);
    waiting_.push_back(std::move(publication));
    done_.push_back(std::move(done));
  }
  wake_.notify_one();
}

void Publisher::work(std::stop_token stop) {
  for (;;) {
    std::vector<Publication> batch;
    std::vector<Done> done;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, stop, [&] { return !waiting_.empty(); });
      if (waiting_.empty()) return;
      batch = std::exchange(waiting_, {});
      done = std::exchange(done_, {});
    }
    std::vector<std::exception_ptr> problems(done.size());
    try {
      problems = flowrun::publish(batch);
    } catch (...) {
      std::fill(problems.begin(), problems.end(), std::current_exception());
    }
    for (std::size_t i = 0; i < done.size(); ++i) done[i](problems[i]);
  }
}

}  // namespace flowrun
