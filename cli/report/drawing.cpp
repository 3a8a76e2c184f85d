// SPDX-License-Identifier: Apache-2.0
#include "drawing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "html.h"

namespace flowrun::cli {
namespace {

constexpr double width = 640, height = 260, left = 70, right = 12, top = 12, bottom = 44;
// Each at least 4.5 : 1 against white.
constexpr std::array<const char*, 8> colours{"#1f5f99", "#b3430f", "#2a7030", "#7b3fa0",
                                             "#7a5d00", "#0b6b6b", "#a3195b", "#444444"};

struct Axis {
  double low = std::numeric_limits<double>::infinity(), high = -std::numeric_limits<double>::infinity();

  void include(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
  void widen() {
    if (low < high) return;
    const double by = low == 0 ? 1 : std::abs(low) / 2;
    low -= by;
    high += by;
  }
  double share(double value) const { return (value - low) / (high - low); }
  /// About five round numbers.
  std::vector<double> ticks() const {
    const double rough = (high - low) / 5, power = std::pow(10, std::floor(std::log10(rough)));
    const double step = power * (rough / power < 1.5   ? 1
                                 : rough / power < 3.5 ? 2
                                 : rough / power < 7.5 ? 5
                                                       : 10);
    std::vector<double> out;
    for (double i = std::ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i)
      out.push_back(i * step + 0.0);  // no -0
    return out;
  }
};

double column(const Axis& x, double value) {
  return left + x.share(value) * (width - left - right);
}
double row(const Axis& y, double value) {
  return height - bottom - y.share(value) * (height - top - bottom);
}

std::string opening(const std::string& title) {
  return fmt::format(R"(<svg class="plot" viewBox="0 0 {} {}" role="img" aria-label="{}">)", width, height,
                     escaped(title));
}

std::string axes(const Axis& x, const Axis& y, const std::string& x_name, const std::string& y_name) {
  std::string out;
  for (const double tick : y.ticks())
    out += fmt::format(
        R"(<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/><text x="{}" y="{:.1f}" text-anchor="end">{}</text>)",
        left, width - right, row(y, tick), row(y, tick), left - 6, row(y, tick) + 4, in_digits(tick));
  for (const double tick : x.ticks())
    out += fmt::format(R"(<text x="{:.1f}" y="{}" text-anchor="middle">{}</text>)", column(x, tick),
                       height - bottom + 16, in_digits(tick));
  out += fmt::format(R"(<line class="axis" x1="{0}" x2="{1}" y1="{2}" y2="{2}"/>)", left, width - right,
                     height - bottom);
  out += fmt::format(R"(<text x="{}" y="{}" text-anchor="middle">{}</text>)", (left + width - right) / 2,
                     height - 8, escaped(x_name));
  return out +
         fmt::format(R"x(<text transform="translate(14 {}) rotate(-90)" text-anchor="middle">{}</text>)x",
                     (top + height - bottom) / 2, escaped(y_name));
}

std::string line_of(const Curve& curve, const Axis& x, const Axis& y) {
  std::string path, dots;
  bool down = false;
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    const bool there = std::isfinite(curve.x[i]) && std::isfinite(curve.y[i]);
    if (there)
      path += fmt::format("{}{:.1f} {:.1f}", down ? "L" : "M", column(x, curve.x[i]), row(y, curve.y[i]));
    const bool next = i + 1 < curve.x.size() && std::isfinite(curve.y[i + 1]);
    if (there && !down && !next)  // a point alone has no line
      dots += fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="2.5" fill="currentColor"/>)",
                          column(x, curve.x[i]), row(y, curve.y[i]));
    down = there;
  }
  return fmt::format(R"(<path d="{}" fill="none" stroke="currentColor" stroke-width="1.6"/>{})", path, dots);
}

/// What can be said of a curve in a few words.
std::string in_words(const Curve& curve) {
  Axis range;
  double last = std::numeric_limits<double>::quiet_NaN();
  for (const double y : curve.y)
    if (std::isfinite(y)) range.include(last = y);
  if (range.empty()) return curve.name + ": no values";
  return fmt::format("{}: {} to {}, at last {}", curve.name, in_digits(range.low), in_digits(range.high),
                     in_digits(last));
}

}  // namespace

std::string draw(const LineChart& chart) {
  Axis x, y;
  std::string words = chart.title;
  for (const Curve& curve : chart.curves) {
    for (const double each : curve.x) x.include(each);
    for (const double each : curve.y) y.include(each);
    words += "; " + in_words(curve);
  }
  if (chart.diagonal) x = y = {0, 1};
  if (chart.from_zero) y.include(0);
  if (x.empty() || y.empty()) return "<p>There are no values.</p>";
  x.widen();
  y.widen();
  std::string out = opening(words) + axes(x, y, chart.x, chart.y);
  if (chart.diagonal)
    out += fmt::format(R"(<path class="grid" d="M{} {}L{} {}" stroke-dasharray="4 4"/>)", column(x, 0),
                       row(y, 0), column(x, 1), row(y, 1));
  std::string legend;
  for (std::size_t i = 0; i < chart.curves.size(); ++i) {
    out +=
        fmt::format(R"(<g color="{}">{}</g>)", colours[i % colours.size()], line_of(chart.curves[i], x, y));
    legend += fmt::format(
        R"(<li><svg class="key" viewBox="0 0 20 4" aria-hidden="true"><rect width="20" height="4" fill="{}"/></svg> {}</li>)",
        colours[i % colours.size()], escaped(chart.curves[i].name));
  }
  return out + "</svg>" + (legend.empty() ? "" : fmt::format(R"(<ul class="legend">{}</ul>)", legend));
}

std::string draw(const Bars& bars) {
  Axis x{bars.edges.front(), bars.edges.back()}, y{0, 0};
  double sum = 0;
  for (const double count : bars.counts) y.include(count), sum += count;
  if (sum == 0) return "<p>There are no values.</p>";
  std::string out = opening(fmt::format("{}: {} values from {} to {}", bars.title, in_digits(sum),
                                        in_digits(x.low), in_digits(x.high))) +
                    axes(x, y, bars.x, "number");
  for (std::size_t i = 0; i < bars.counts.size(); ++i)
    out += fmt::format(
        R"(<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{} to {}: {}</title></rect>)",
        column(x, bars.edges[i]), row(y, bars.counts[i]),
        std::max(0.5, column(x, bars.edges[i + 1]) - column(x, bars.edges[i]) - 1),
        height - bottom - row(y, bars.counts[i]), in_digits(bars.edges[i]), in_digits(bars.edges[i + 1]),
        in_digits(bars.counts[i]));
  return out + "</svg>";
}

}  // namespace flowrun::cli
