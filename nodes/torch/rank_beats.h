// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/rank.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <torch/csrc/distributed/c10d/Store.hpp>

namespace flowrun::torch_nodes {

class RankStore;

/// The first line of what libtorch says, which goes on with where in itself that was.
std::string first_line(const std::string& said);

/// Shows the other ranks every second that this one lives, and sees whether they do. Thread-safe.
class RankBeats {
 public:
  static constexpr std::chrono::minutes longest_way{10};          ///< until all are there
  static constexpr std::chrono::seconds patience{30};             ///< without a beat: it has died
  static constexpr std::chrono::seconds patience_when_broken{5};  ///< where an exchange has broken off, too

  /// Waits for all of them. Throws Error.
  RankBeats(const RankStore& store, const Rank& own);
  ~RankBeats();
  RankBeats(const RankBeats&) = delete;

  /// In words, which other rank has failed, or was not heard of for so long; empty: none that is known.
  std::string lost(std::chrono::seconds silence = patience) const;
  /// The same when an exchange has broken off, as `problem` says, once it is known; else that.
  std::string why_broken(const std::string& problem) const;
  /// Tells the others that this one goes no further, and gives them time to see it.
  void fail(const std::string& why) noexcept;

 private:
  struct Seen;
  Rank own_;
  c10::intrusive_ptr<c10d::Store> store_;
  std::shared_ptr<Seen> seen_;
  std::jthread thread_;
};

}  // namespace flowrun::torch_nodes
