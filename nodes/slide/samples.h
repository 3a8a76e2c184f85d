// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/sample.h>
#include <flowrun/wsi/slide.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "open_slides.h"

namespace flowrun::wsi {

/// Where samples are: each is a tile image, or a place in a slide. Holds no pixels.
struct Samples {
  static constexpr std::string_view packet_type = "wsi.samples/1";

  /// A sample. Of a tile image the place only tells what is known of it.
  struct Row {
    std::string image;             ///< path of the tile image; empty: it is read from the slide
    std::uint32_t slide = 0;       ///< into `slides`
    std::uint32_t label = 0;       ///< into `labels`
    std::int64_t x = 0, y = 0;     ///< level-0 pixels
    std::optional<double> extent;  ///< width and height in level-0 pixels
    std::optional<double> mpp;     ///< microns per pixel of the tile
    int level = 0;                 ///< to read from, where neither of them says otherwise
    int size = 0;                  ///< pixels a side; 0: not known
    double weight = 1;             ///< how often it is drawn, compared with others
    std::uint32_t table = 0;       ///< into `tables`
    std::int64_t line = 0;         ///< of the table
    bool operator==(const Row&) const = default;
  };
  /// A slide that samples are of. Without a path only its name is known.
  struct SlideEntry {
    SlideFile file;
    std::string patient;  ///< empty: not known
  };
  std::vector<SlideEntry> slides;
  std::vector<std::string> labels;  ///< names
  std::vector<std::string> tables;  ///< files; none: the samples were gathered in the graph
  std::vector<Row> rows;
  std::vector<std::string> targets;  ///< names of numbers to be predicted
  std::vector<float> target_values;  ///< by row, then by target

  /// Those of a row, by target.
  std::span<const float> targets_of(std::size_t row) const {
    return {target_values.data() + row * targets.size(), targets.size()};
  }
  /// Bytes that it takes, about.
  std::size_t bytes() const;
  /// For messages: "train.csv:12", or slide and place.
  std::string name_of(const Row& row) const;
  /// The index of a text in `names`, which it is added to if it is new.
  static std::uint32_t index_of(std::vector<std::string>& names, const std::string& name);
};

/// The pixels that a tile of a slide is made from: a square of a level, scaled down to the tile.
struct SlideWindow {
  int level = 0;
  std::int64_t column = 0, row = 0;  ///< pixels of the level
  int side = 0;                      ///< pixels of the level
  double extent = 0;                 ///< level-0 pixels
};

/// For a tile of `size` pixels, at the row's extent or MPP, else on its level. Throws Error when the slide
/// has no such resolution, or nothing at that place.
SlideWindow window_of(const Slide& slide, const Samples::Row& row, int size);

/// An epoch: which samples, in which order.
struct Epoch {
  static constexpr std::string_view packet_type = "wsi.epoch/1";

  std::uint64_t number = 0;  ///< from 0
  std::shared_ptr<const SampleSet> set;
  std::shared_ptr<const Samples> samples;
  std::shared_ptr<const std::vector<std::uint32_t>>
      labels;  ///< by label of `samples`: index into set->classes
  /// Rows: set->training_samples of them, then those for validation, then those for testing. None: nobody
  /// wants this epoch.
  std::vector<std::uint32_t> order;
  std::shared_ptr<OpenSlides> slides;  ///< those of `samples`
  /// Of a SlideWindow's side to its tile's, where samples do not say their size; others are read under the
  /// epoch's lease.
  double largest_ratio = 1;
};

}  // namespace flowrun::wsi
