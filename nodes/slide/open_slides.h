// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
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
  /// Keeps at most `most` open, and more only while more than that are in use.
  OpenSlides(std::vector<SlideFile> files, std::size_t most) : files_(std::move(files)), most_(most) {}

  /// The slide with this number, opened if need be. Throws Error when it cannot be, also when asked again.
  std::shared_ptr<const Slide> get(std::uint32_t number);

 private:
  /// Opened by the first that asks; the others wait for that slide alone.
  struct Entry {
    std::uint32_t number;
    std::mutex opening;
    std::optional<Slide> slide;
  };
  using Entries = std::list<std::shared_ptr<Entry>>;
  std::shared_ptr<Entry> find(std::uint32_t number);

  const std::vector<SlideFile> files_;
  const std::size_t most_;
  std::mutex mutex_;
  Entries used_;  // the latest first
  std::unordered_map<std::uint32_t, Entries::iterator> places_;
};

}  // namespace flowrun::wsi
