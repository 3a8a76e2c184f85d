// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace flowrun::wsi {

using DecodedTile = std::shared_ptr<const std::uint8_t[]>;

/// What a cache should know of the tiles of a level.
struct CachedLevel {
  std::size_t tile_bytes = 0;
  std::size_t tile_pixels = 0;
  /// All of the level fits: its tiles stay, however often they were read.
  bool fits = false;
};

/// The decoded tiles used last, up to a number of bytes, shared by all threads that read a slide. Tiles of
/// which every pixel was read go first, so that a scan of a large level keeps those that the next row of
/// windows needs as well, and decodes into memory that is still in the processor's caches; unless windows
/// turn out to overlap. Thread-safe.
class DecodedTileCache {
 public:
  explicit DecodedTileCache(std::size_t most_bytes) : most_bytes_(most_bytes) {}

  /// The tile, if it is here, of which `pixels` are about to be read. If not, `decoding` tells whether
  /// another thread is at it; if none is, the caller is now, and must call insert or give_up.
  struct Found {
    DecodedTile tile;
    bool decoding = false;
  };
  Found find(std::uint64_t key, std::size_t pixels) {
    std::scoped_lock lock(mutex_);
    const auto found = places_.find(key);
    if (found == places_.end()) return {nullptr, !decoding_.insert(key).second};
    DecodedTile tile = found->second->tile;
    if (found->second->all_read()) overlapping_ = true;
    count(found->second, pixels);
    return {std::move(tile), false};
  }

  /// `pixels`: how many of it are about to be read.
  void insert(std::uint64_t key, DecodedTile tile, const CachedLevel& level, std::size_t pixels) {
    std::scoped_lock lock(mutex_);
    decoding_.erase(key);
    if (level.tile_bytes > most_bytes_) return;
    if (const auto there = places_.find(key); there != places_.end()) return count(there->second, pixels);
    in_use_.entries.push_front({key, std::move(tile), level, 0});
    in_use_.bytes += level.tile_bytes;
    places_[key] = in_use_.entries.begin();
    count(in_use_.entries.begin(), pixels);
  }

  void give_up(std::uint64_t key) {
    std::scoped_lock lock(mutex_);
    decoding_.erase(key);
  }

 private:
  struct Entry {
    std::uint64_t key;
    DecodedTile tile;
    CachedLevel level;
    std::size_t read;  // pixels, those read twice counted twice
    bool all_read() const { return read >= level.tile_pixels && !level.fits; }
  };
  struct List {
    std::list<Entry> entries;  // the latest first
    std::size_t bytes = 0;
    void drop_oldest(std::unordered_map<std::uint64_t, std::list<Entry>::iterator>& places) {
      bytes -= entries.back().level.tile_bytes;
      places.erase(entries.back().key);
      entries.pop_back();
    }
  };
  List& list_of(const Entry& entry) { return entry.all_read() ? all_read_ : in_use_; }

  void count(std::list<Entry>::iterator entry, std::size_t pixels) {
    List& from = list_of(*entry);
    entry->read += pixels;
    List& to = list_of(*entry);
    to.entries.splice(to.entries.begin(), from.entries, entry);
    from.bytes -= entry->level.tile_bytes;
    to.bytes += entry->level.tile_bytes;
    evict();
  }

  void evict() {
    // As many as overlapping windows beside each other share: finding one of them tells that they overlap.
    constexpr std::size_t most_all_read = std::size_t{4} << 20;
    while (!all_read_.entries.empty() && ((!overlapping_ && all_read_.bytes > most_all_read) ||
                                          all_read_.bytes + in_use_.bytes > most_bytes_))
      all_read_.drop_oldest(places_);
    while (in_use_.bytes > most_bytes_) in_use_.drop_oldest(places_);
  }

  const std::size_t most_bytes_;
  std::mutex mutex_;
  List in_use_, all_read_;
  bool overlapping_ = false;
  std::unordered_map<std::uint64_t, std::list<Entry>::iterator> places_;
  std::unordered_set<std::uint64_t> decoding_;
};

}  // namespace flowrun::wsi
