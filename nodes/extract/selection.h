// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/class_mask.h>
#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/slide.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grid.h"

namespace flowrun::wsi {

/// How a tile gets its label from the class mask: the class of most of its pixels (none counts as one too),
/// or the class with the largest share of those with a certain share.
enum class LabelBy { majority, share };

/// What a tile must have to be kept. Shares are 0 to 1.
struct SelectionRules {
  double min_coverage = 0;           ///< of tissue
  std::vector<std::string> classes;  ///< that count for min_class_coverage; empty: all
  double min_class_coverage = 0;     ///< pixels of these classes together
  LabelBy label_by = LabelBy::majority;
  double min_label_share = 0.5;  ///< for LabelBy::share
  std::string no_class;          ///< label of tiles that get none
  double class_downsample = 8;   ///< level-0 pixels per class mask pixel that is counted
};

/// A tile that is kept.
struct Chosen {
  Cell cell;
  std::optional<double> coverage;  ///< of tissue, where there is a mask
  std::string label;               ///< name of its class
};

/// Decides about the tiles of one slide before they are read. Not thread-safe.
class Selection {
 public:
  /// Masks may be null. Throws Error when a class is asked for that the class mask does not have.
  Selection(SelectionRules rules, const Slide& slide, std::shared_ptr<const Mask> mask,
            std::shared_ptr<const ClassMask> classes);

  /// `extent`: width and height of a tile in level-0 pixels.
  std::optional<Chosen> choose(const Cell& cell, double extent);

 private:
  /// How much of a tile lies on the slide, above 0: padding has no tissue and no class.
  double share_on_slide(const Cell& cell, double extent) const;
  std::vector<int> count_classes(const Cell& cell, double extent, int& pixels);
  const std::string& label_of(const std::vector<int>& counts, int pixels) const;

  const SelectionRules rules_;
  const std::int64_t slide_width_, slide_height_;
  const std::shared_ptr<const Mask> mask_;
  const std::shared_ptr<const ClassMask> classes_;
  std::vector<bool> wanted_;  // by class value
  cv::Mat window_;            // of the class mask, for reuse
};

}  // namespace flowrun::wsi
