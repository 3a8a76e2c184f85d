// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace flowrun::wsi {

using DecodedTile = std::shared_ptr<const std::uint8_t[]>;

/// The tiles used last, up to a number of bytes, shared by all threads that read a slide. Thread-safe.
class DecodedTileCache {
 public:
  explicit DecodedTileCache(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  DecodedTile find(std::uint64_t key) {
    std::scoped_lock lock(mutex_);
    const auto it = places_.find(key);
    if (it == places_.end()) return nullptr;
    used_.splice(used_.begin(), used_, it->second);
    return it->second->tile;
  }

  void insert(std::uint64_t key, DecodedTile tile, std::size_t bytes) {
    std::scoped_lock lock(mutex_);
    if (bytes > most_bytes_ || places_.contains(key)) return;
    used_.push_front({key, std::move(tile), bytes});
    places_[key] = used_.begin();
    bytes_ += bytes;
    while (bytes_ > most_bytes_) {
      bytes_ -= used_.back().bytes;
      places_.erase(used_.back().key);
      used_.pop_back();
    }
  }

 private:
  struct Entry {
    std::uint64_t key;
    DecodedTile tile;
    std::size_t bytes;
  };
  const std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::mutex mutex_;
  std::list<Entry> used_;  // the latest first
  std::unordered_map<std::uint64_t, std::list<Entry>::iterator> places_;
};

}  // namespace flowrun::wsi
