// SPDX-License-Identifier: Apache-2.0
#ifdef FLOWRUN_TORCH_GLOO
#include "rank_beats.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "rank_store.h"

namespace flowrun::torch_nodes {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto interval = 1s;

std::string key(const char* what, int rank) {
  return fmt::format("{}/{}", what, rank);
}

std::vector<std::uint8_t> bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

std::string text_at(c10d::Store& store, const std::string& key) {
  const auto bytes = store.get(key);
  return {bytes.begin(), bytes.end()};
}

std::string this_process() {
  char host[256] = {};
  ::gethostname(host, sizeof(host) - 1);
  return fmt::format("{}, process {}", host, ::getpid());
}

}  // namespace

std::string first_line(const std::string& said) {
  return said.substr(0, said.find('\n'));
}

/// What the thread that beats has seen; it may outlive the rest, waiting for a machine that is gone.
struct RankBeats::Seen {
  struct Other {
    std::string who;
    std::int64_t beats = -1;
    Clock::time_point heard = Clock::now();
    std::optional<std::string> failed;
  };
  mutable std::mutex mutex;
  std::condition_variable_any wake;
  std::vector<Other> ranks;
  bool unreachable = false;  // the store, which rank 0 serves

  /// One beat, and those of the others. Throws what libtorch throws.
  void beat(c10d::Store& store, int own) {
    store.add(key("beat", own), 1);
    for (int rank = 0; rank < static_cast<int>(ranks.size()); ++rank) {
      if (rank == own) continue;
      const std::int64_t beats = store.add(key("beat", rank), 0);
      std::optional<std::string> failed;
      if (store.check({key("failed", rank)})) failed = text_at(store, key("failed", rank));
      const std::scoped_lock lock(mutex);
      Other& other = ranks[static_cast<std::size_t>(rank)];
      if (std::exchange(other.beats, beats) != beats) other.heard = Clock::now();
      other.failed = std::move(failed);
    }
  }
};

RankBeats::RankBeats(const RankStore& store, const Rank& own)
    : own_(own), store_(store.connect()), seen_(std::make_shared<Seen>()) {
  store_->set(key("here", own.number), bytes_of(this_process()));
  const auto until = Clock::now() + longest_way;
  for (int rank = 0; rank < own.count; ++rank) {
    while (!store_->check({key("here", rank)})) {
      if (Clock::now() > until)
        throw Error(fmt::format(
            "rank {} of {} did not come within {} minutes to train with the others: see what it said, and "
            "start all of them again",
            rank, own.count, longest_way.count()));
      std::this_thread::sleep_for(50ms);
    }
    seen_->ranks.push_back({text_at(*store_, key("here", rank))});
  }
  thread_ = std::jthread([seen = seen_, connection = store.connect(), own](std::stop_token stop) {
    try {
      std::unique_lock lock(seen->mutex);
      do {
        lock.unlock();
        seen->beat(*connection, own.number);
        lock.lock();
      } while (!seen->wake.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); }));
    } catch (const std::exception&) {
      const std::scoped_lock lock(seen->mutex);
      seen->unreachable = true;
    }
  });
}

RankBeats::~RankBeats() {
  thread_.request_stop();
  if (!lost().empty()) thread_.detach();
}

std::string RankBeats::lost(std::chrono::seconds silence) const {
  const std::scoped_lock lock(seen_->mutex);
  const auto words = [&](int rank, const std::string& what) {
    return fmt::format(
        "rank {} ({}) {}; start all ranks again, as many as you like, to go on after the last "
        "whole epoch",
        rank, seen_->ranks[static_cast<std::size_t>(rank)].who, what);
  };
  for (int rank = 0; rank < own_.count; ++rank) {
    const Seen::Other& other = seen_->ranks[static_cast<std::size_t>(rank)];
    if (rank == own_.number) continue;
    if (other.failed) return words(rank, "has failed: " + *other.failed);
    if (Clock::now() - other.heard > silence)
      return words(
          rank, fmt::format("has died, or its machine: nothing was heard of it for {} s", silence.count()));
  }
  if (seen_->unreachable && own_.number > 0) return words(0, "has died, or cannot be reached any more");
  return {};
}

std::string RankBeats::why_broken(const std::string& problem) const {
  for (const auto until = Clock::now() + patience; Clock::now() < until;) {
    if (const std::string found = lost(patience_when_broken); !found.empty()) return found;
    std::this_thread::sleep_for(100ms);
  }
  return fmt::format("ranks cannot reach each other any more, though all live: {}", first_line(problem));
}

void RankBeats::fail(const std::string& why) noexcept {
  try {
    store_->set(key("failed", own_.number), bytes_of(first_line(why)));
    std::this_thread::sleep_for(3 * interval);
  } catch (const std::exception&) {  // then rank 0 is gone, and they see that
  }
}

}  // namespace flowrun::torch_nodes
#endif
