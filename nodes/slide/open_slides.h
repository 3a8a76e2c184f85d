// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// A slide that can be opened.
struct SlideFile {
  std::filesystem::path path;
  std::string name;           ///< fit for a file name
  std::optional<double> mpp;  ///< microns per level-0 pixel, instead of what the file says
  Color color = Color::stored;
};

/// Slides that are read here and there: of many, those used last stay open. Thread-safe.
class OpenSlides {
 public:
  /// Keeps at most `most` open, 1 or more.
  OpenSlides(const std::vector<SlideFile>& files, std::size_t most)
      : files_(files.begin(), files.end()), most_(most) {}

  /// It gets the next number.
  void add(SlideFile file);

  /// The slide with this number, opened if need be; waits while as many others are in use as may be open, so
  /// nobody asks for one who has another. It must not outlive these. Throws Error when it cannot be opened,
  /// also when asked again.
  std::shared_ptr<const Slide> get(std::uint32_t number);

 private:
  /// Opened by the first that asks; the others wait for that slide alone.
  struct Entry {
    std::uint32_t number = 0;
    const SlideFile* file = nullptr;
    int users = 0;  // guarded by mutex_
    std::mutex opening;
    std::optional<Slide> slide;
  };
  Entry& take(std::uint32_t number);
  void let_go(Entry& entry);

  std::deque<SlideFile> files_;  // guarded by mutex_; one that is there stays where it is
  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable became_idle_;
  std::list<Entry> entries_;  // the latest first; few
};

}  // namespace flowrun::wsi
