// SPDX-License-Identifier: Apache-2.0
// Drawings as SVG within a page: no style attributes, which the page's policy forbids.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace flowrun::cli {

struct Curve {
  std::string name;
  std::vector<double> x, y;  ///< y that is no number is a gap
};

struct LineChart {
  std::string title;  ///< for those who cannot see it
  std::string x, y;
  std::vector<Curve> curves;
  bool diagonal = false;   ///< both axes from 0 to 1, with y = x
  bool from_zero = false;  ///< the y axis begins at 0
};
std::string draw(const LineChart& chart);

struct Bars {
  std::string title;
  std::string x;
  std::vector<double> edges;  ///< one more than counts
  std::vector<double> counts;
};
std::string draw(const Bars& bars);

/// The nodes and edges of a summary, layer by layer from top to bottom.
std::string draw_graph_of(const nlohmann::json& summary);

}  // namespace flowrun::cli
