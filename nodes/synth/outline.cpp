// SPDX-License-Identifier: Apache-2.0
#include "outline.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace flowrun::wsi::synth {
namespace {

constexpr double full_turn = 2.0 * std::numbers::pi;

}  // namespace

Outline::Outline(Point centre, Point stretch, const std::function<double(double)>& radius)
    : centre_(centre), stretch_(stretch), bounds_{centre.x, centre.y, centre.x, centre.y} {
  fill_table(radius);
  for (const Point& point : polygon(table_size)) {
    bounds_.left = std::min(bounds_.left, point.x);
    bounds_.top = std::min(bounds_.top, point.y);
    bounds_.right = std::max(bounds_.right, point.x);
    bounds_.bottom = std::max(bounds_.bottom, point.y);
  }
}

void Outline::fill_table(const std::function<double(double)>& radius) {
  constexpr double step = full_turn / table_size;
  std::vector<double> radii;
  for (int i = 0; i < table_size; ++i) radii.push_back(radius(step * i));
  table_.reserve(table_size + 1);
  for (std::size_t i = 0; i <= table_size; ++i) {
    const double theta = step * static_cast<double>(i);
    const double r = radii[i % table_size];
    const double before = radii[(i + table_size - 1) % table_size];
    const double after = radii[(i + 1) % table_size];
    const double turn = (after - before) / (2.0 * step) / r;
    // depth = length / radius(theta) - 1, so its gradient depends on theta alone.
    const double along_x = (std::cos(theta) + turn * std::sin(theta)) / (r * stretch_.x);
    const double along_y = (std::sin(theta) - turn * std::cos(theta)) / (r * stretch_.y);
    const double slope = std::hypot(along_x, along_y);
    steepest_ = std::max(steepest_, slope);
    table_.push_back({static_cast<float>(r), static_cast<float>(slope)});
  }
  steepest_ *= 1.01;  // for what the table's steps hide
}

Outline::Polar Outline::polar(Point point) const {
  const double x = (point.x - centre_.x) / stretch_.x;
  const double y = (point.y - centre_.y) / stretch_.y;
  return {std::hypot(x, y), std::atan2(y, x)};
}

Outline::Entry Outline::entry(double theta) const {
  const double turns = theta / full_turn;
  const double position = (turns - std::floor(turns)) * table_size;
  const auto i = std::min(static_cast<std::size_t>(position), static_cast<std::size_t>(table_size - 1));
  const float t = static_cast<float>(position - static_cast<double>(i));
  const Entry& a = table_[i];
  const Entry& b = table_[i + 1];
  return {a.radius + (b.radius - a.radius) * t, a.slope + (b.slope - a.slope) * t};
}

double Outline::radius(double theta) const {
  return static_cast<double>(entry(theta).radius);
}

double Outline::depth(Point point) const {
  const Polar at = polar(point);
  return at.length / static_cast<double>(entry(at.theta).radius) - 1.0;
}

double Outline::distance(Point point) const {
  const Polar at = polar(point);
  const Entry here = entry(at.theta);
  return (at.length / static_cast<double>(here.radius) - 1.0) / static_cast<double>(here.slope);
}

Side Outline::side(const Rect& rect, double margin) const {
  if (rect.right + margin < bounds_.left || rect.left - margin > bounds_.right ||
      rect.bottom + margin < bounds_.top || rect.top - margin > bounds_.bottom)
    return Side::outside;
  // No depth within the rectangle differs from the middle's by more than the steepest slope allows.
  const double reach = 0.5 * std::hypot(rect.right - rect.left, rect.bottom - rect.top) + margin;
  const double middle = depth({0.5 * (rect.left + rect.right), 0.5 * (rect.top + rect.bottom)});
  const double most = steepest_ * reach;
  if (middle > most) return Side::outside;
  return middle < -most ? Side::inside : Side::crossed;
}

std::vector<Point> Outline::polygon(int vertices) const {
  std::vector<Point> out;
  out.reserve(static_cast<std::size_t>(vertices));
  for (int i = 0; i < vertices; ++i) {
    const double theta = full_turn * i / vertices;
    const double r = radius(theta);
    out.push_back(
        {centre_.x + stretch_.x * r * std::cos(theta), centre_.y + stretch_.y * r * std::sin(theta)});
  }
  return out;
}

double Outline::area() const {
  double sum = 0.0;
  for (int i = 0; i < table_size; ++i) {
    const double r = static_cast<double>(table_[static_cast<std::size_t>(i)].radius);
    sum += r * r;
  }
  return 0.5 * sum * full_turn / table_size * stretch_.x * stretch_.y;
}

}  // namespace flowrun::wsi::synth
