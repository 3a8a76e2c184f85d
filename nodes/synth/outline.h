// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <vector>

namespace flowrun::wsi::synth {

/// A place on the slide, level-0 pixels.
struct Point {
  double x = 0.0;
  double y = 0.0;
};

/// An axis-parallel rectangle, level-0 pixels.
struct Rect {
  double left = 0.0;
  double top = 0.0;
  double right = 0.0;
  double bottom = 0.0;
};

/// How a rectangle lies to an outline. `crossed` may also be said of one that is merely near.
enum class Side { inside, outside, crossed };

/// A closed curve that is star-shaped around its centre: centre + stretch * radius(theta) * (cos, sin) theta,
/// with the radius from a table. All lengths in level-0 pixels unless said otherwise.
class Outline {
 public:
  /// `radius` maps an angle in [0, 2 pi) to a positive length; it is to be smooth and periodic. `stretch`
  /// scales both axes from the radius's units to level-0 pixels.
  Outline(Point centre, Point stretch, const std::function<double(double)>& radius);

  Point centre() const { return centre_; }
  Point stretch() const { return stretch_; }
  /// In the units of the function given, so before the stretch.
  double radius(double theta) const;
  /// How deep a point lies: -1 at the centre, 0 on the curve, growing outward in proportion to the distance
  /// from the centre.
  double depth(Point point) const;
  /// The distance from the curve, negative inside; exact to first order, so near the curve.
  double distance(Point point) const;
  /// Whether all of `rect`, and `margin` around it, is on one side.
  Side side(const Rect& rect, double margin) const;
  /// The curve as a polygon.
  std::vector<Point> polygon(int vertices) const;
  Rect bounds() const { return bounds_; }
  /// Square pixels within.
  double area() const;

 private:
  struct Entry {
    float radius;
    float slope;  // |gradient of depth| along the curve's ray, per level-0 pixel
  };
  struct Polar {
    double length;  // from the centre, before the stretch
    double theta;
  };
  static constexpr int table_size = 2048;

  Polar polar(Point point) const;
  Entry entry(double theta) const;
  void fill_table(const std::function<double(double)>& radius);

  Point centre_;
  Point stretch_;
  std::vector<Entry> table_;
  double steepest_ = 0.0;  // the greatest slope
  Rect bounds_;
};

}  // namespace flowrun::wsi::synth
