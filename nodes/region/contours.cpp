// SPDX-License-Identifier: Apache-2.0
#include "contours.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <opencv2/imgproc.hpp>
#include <unordered_map>
#include <utility>

namespace flowrun::wsi {
namespace {

enum Heading { right, down, left, up };

const std::array<cv::Point, 4> step{cv::Point(1, 0), {0, 1}, {-1, 0}, {0, -1}};
/// The pixels that meet at a corner, seen from it: those ahead on the right and on the left hand.
const std::array<cv::Point, 4> ahead_right{cv::Point(0, 0), {-1, 0}, {-1, -1}, {0, -1}};
const std::array<cv::Point, 4> ahead_left{cv::Point(0, -1), {0, 0}, {-1, 0}, {-1, -1}};

struct Walk {
  PixelRing ring;
  std::vector<std::size_t> crossings;  // of the ring's points: those where pixels touch at the corner only
};

/// Twice the area with its sign: above 0 for rings that run clockwise on screen.
std::int64_t doubled_area(const PixelRing& ring) {
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const cv::Point a = ring[i], b = ring[(i + 1) % ring.size()];
    sum += std::int64_t{a.x} * b.y - std::int64_t{b.x} * a.y;
  }
  return sum;
}

std::size_t area(const PixelRing& ring) {
  return static_cast<std::size_t>(std::abs(doubled_area(ring))) / 2;
}

class Tracer {
 public:
  explicit Tracer(const cv::Mat& mask) : mask_(mask), seen_(cv::Mat::zeros(mask.size(), CV_8UC1)) {
    cv::connectedComponents(mask, labels_, 4, CV_32S);
  }

  /// Whether an edge begins here that no walk has come by: the upper one of a pixel below another piece or
  /// nothing.
  bool starts_at(int x, int y) const {
    return is_set({x, y}) && !is_set({x, y - 1}) && !seen_.at<std::uint8_t>(y, x);
  }
  int label(int x, int y) const { return labels_.at<int>(y, x); }

  /// The rings of the walk that begins along the upper edge of a pixel, with the piece at the right hand.
  std::vector<PixelRing> rings_from(int x, int y) {
    Walk walk = walk_from(x, y);
    return cut(std::move(walk));
  }

 private:
  bool is_set(cv::Point p) const {
    return p.x >= 0 && p.y >= 0 && p.x < mask_.cols && p.y < mask_.rows && mask_.at<std::uint8_t>(p) != 0;
  }

  Walk walk_from(int x, int y) {
    const cv::Point start(x, y);
    Walk walk;
    cv::Point at = start;
    int heading = right;
    do {
      if (heading == right) seen_.at<std::uint8_t>(at) = 1;
      at += step[static_cast<std::size_t>(heading)];
      const auto h = static_cast<std::size_t>(heading);
      const bool on_right = is_set(at + ahead_right[h]), on_left = is_set(at + ahead_left[h]);
      if (on_right && !on_left) continue;
      // Turning right at a corner where pixels touch only there keeps to the own pixel: they are not joined.
      if (!on_right && on_left) walk.crossings.push_back(walk.ring.size());
      walk.ring.push_back(at);
      heading = (heading + (on_right ? 3 : 1)) % 4;
    } while (at != start || heading != right);
    return walk;
  }

  static std::vector<PixelRing> cut(Walk walk) {
    std::vector<PixelRing> rings;
    if (walk.crossings.size() > 1) {
      PixelRing open;
      std::unordered_map<std::int64_t, std::size_t> first_visit;  // of a corner: its place in `open`
      const auto key = [](cv::Point p) { return (std::int64_t{p.y} << 32) | p.x; };
      auto crossing = walk.crossings.begin();
      for (std::size_t i = 0; i < walk.ring.size(); ++i) {
        const cv::Point p = walk.ring[i];
        if (crossing == walk.crossings.end() || *crossing != i) {
          open.push_back(p);
          continue;
        }
        ++crossing;
        const auto visit = first_visit.find(key(p));
        if (visit == first_visit.end()) {
          first_visit.emplace(key(p), open.size());
          open.push_back(p);
          continue;
        }
        const auto from = open.begin() + static_cast<std::ptrdiff_t>(visit->second);
        for (auto it = from + 1; it != open.end(); ++it) first_visit.erase(key(*it));
        rings.emplace_back(from, open.end());
        open.erase(from + 1, open.end());
      }
      walk.ring = std::move(open);
    }
    rings.push_back(std::move(walk.ring));
    return rings;
  }

  const cv::Mat& mask_;
  cv::Mat seen_;  // upper edges that a walk came by
  cv::Mat labels_;
};

/// Calls visit(x, y) for every pixel that a ring encloses.
template <class Visit>
void for_each_inside(const PixelRing& ring, Visit visit) {
  std::vector<cv::Point> walls;  // pixels to the right of upright edges
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const cv::Point a = ring[i], b = ring[(i + 1) % ring.size()];
    for (int y = std::min(a.y, b.y); y < std::max(a.y, b.y); ++y) walls.emplace_back(a.x, y);
  }
  std::sort(walls.begin(), walls.end(),
            [](cv::Point a, cv::Point b) { return std::pair(a.y, a.x) < std::pair(b.y, b.x); });
  for (std::size_t i = 0; i + 1 < walls.size(); i += 2)
    for (int x = walls[i].x; x < walls[i + 1].x; ++x) visit(x, walls[i].y);
}

PixelPiece piece_from(Tracer& tracer, int x, int y) {
  PixelPiece piece;
  std::int64_t doubled = 0;
  const auto add = [&](std::vector<PixelRing> rings) {
    for (PixelRing& ring : rings) {
      const std::int64_t own = doubled_area(ring);
      doubled += own;
      if (own > 0)
        piece.outer = std::move(ring);
      else
        piece.holes.push_back(std::move(ring));
    }
  };
  add(tracer.rings_from(x, y));
  const int label = tracer.label(x, y);
  for_each_inside(piece.outer, [&](int px, int py) {
    if (tracer.label(px, py) == label && tracer.starts_at(px, py)) add(tracer.rings_from(px, py));
  });
  piece.pixels = static_cast<std::size_t>(doubled) / 2;
  return piece;
}

}  // namespace

void trace_contours(const cv::Mat& mask, std::size_t min_pixels, std::size_t min_hole_pixels,
                    const std::function<void(const PixelPiece&)>& found) {
  Tracer tracer(mask);
  for (int y = 0; y < mask.rows; ++y)
    for (int x = 0; x < mask.cols; ++x) {
      if (!tracer.starts_at(x, y)) continue;
      PixelPiece piece = piece_from(tracer, x, y);
      if (piece.pixels < min_pixels) continue;
      std::erase_if(piece.holes, [&](const PixelRing& hole) { return area(hole) < min_hole_pixels; });
      found(piece);
    }
}

std::size_t contours_scratch(int rows, int cols) {
  // Labels and their making 6, edges seen 1; rings: a point of 8 bytes at every other corner, kept twice
  // while rings are cut, and an upright edge of 8.
  return 23 * static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
}

}  // namespace flowrun::wsi
