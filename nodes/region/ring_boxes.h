// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <opencv2/core/types.hpp>
#include <vector>

namespace flowrun::wsi {

/// A closed rectangle, level-0 pixels.
struct Box {
  cv::Point2d low, high;

  void add(const Box& other) {
    low = {std::min(low.x, other.low.x), std::min(low.y, other.low.y)};
    high = {std::max(high.x, other.high.x), std::max(high.y, other.high.y)};
  }
};

/// The boxes of 16 successive edges of a ring, of 16 such boxes, and so on up to one. Edge i goes from point
/// i to the next, the last one back to point 0. Neighbours lie near each other, so what a window does not
/// touch is passed over in large parts.
class RingBoxes {
 public:
  using Ring = std::vector<cv::Point2d>;
  static constexpr std::size_t fan = 16;

  explicit RingBoxes(const Ring& ring) {
    for (std::size_t first = 0; first < ring.size(); first += fan) {
      Box box{ring[first], ring[first]};
      for (std::size_t i = first; i <= std::min(first + fan, ring.size()); ++i) {
        const cv::Point2d& p = ring[i % ring.size()];
        box.add({p, p});
      }
      boxes_.push_back(box);
    }
    for (std::size_t begin = 0, end = boxes_.size(); end - begin > 1;) {
      levels_.push_back(begin);
      for (std::size_t first = begin; first < end; first += fan) {
        Box box = boxes_[first];
        for (std::size_t i = first + 1; i < std::min(first + fan, end); ++i) box.add(boxes_[i]);
        boxes_.push_back(box);
      }
      begin = std::exchange(end, boxes_.size());
    }
    levels_.push_back(boxes_.size() - 1);
    boxes_.shrink_to_fit();
  }

  /// Of all edges.
  const Box& whole() const { return boxes_.back(); }

  /// Goes down from the whole ring as long as `enter(box, first, last)` says so, which is called with the
  /// box of the edges from point `first` to point `last`; then calls `edge(i)` for each edge in the boxes of
  /// 16. `edges`: of the ring.
  template <class Enter, class Edge>
  void visit(std::size_t edges, const Enter& enter, const Edge& edge) const {
    visit(levels_.size() - 1, 0, edges, enter, edge);
  }

  std::size_t bytes() const {
    return sizeof *this + boxes_.capacity() * sizeof(Box) + levels_.capacity() * sizeof(std::size_t);
  }

 private:
  template <class Enter, class Edge>
  void visit(std::size_t level, std::size_t place, std::size_t edges, const Enter& enter,
             const Edge& edge) const {
    std::size_t span = fan;
    for (std::size_t i = 0; i < level; ++i) span *= fan;
    const std::size_t first = place * span, last = std::min(first + span, edges);
    if (!enter(boxes_[levels_[level] + place], first, last)) return;
    if (level == 0) {
      for (std::size_t i = first; i < last; ++i) edge(i);
      return;
    }
    const std::size_t below = levels_[level] - levels_[level - 1];
    for (std::size_t i = place * fan; i < std::min(place * fan + fan, below); ++i)
      visit(level - 1, i, edges, enter, edge);
  }

  std::vector<Box> boxes_;           // the finest first
  std::vector<std::size_t> levels_;  // where in boxes_ each begins
};

}  // namespace flowrun::wsi
