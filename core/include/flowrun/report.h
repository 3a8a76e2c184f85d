// SPDX-License-Identifier: Apache-2.0
// What a stage adds to the run's report.html, in a line of its process() or finish():
//
//   out.report(report::Quantity{"tissue", area / 1e6, "mm²"});
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace flowrun::report {

/// A number of a scope ("tissue area" of a slide): a column of the report's table, a histogram over all
/// scopes, and outliers among them. Said again in the same scope it replaces what was said before. `unit` may
/// be empty.
struct Quantity {
  std::string name;
  double value = 0;  ///< what is not finite is shown as missing
  std::string unit = {};
};

/// How often values lie in [edges[i], edges[i + 1]); the last bin includes its upper edge. Said again with
/// the same name and edges, in any scope, counts are added; other edges are an error.
struct Histogram {
  std::string name;
  std::string unit;
  std::vector<double> edges;          ///< ascending, one more than counts
  std::vector<std::uint64_t> counts;  ///< a bin each
};

/// `bins` bins of equal width from `low` to `high` with one value in them; one beyond counts in the outermost
/// bin, one that is no number in none.
Histogram histogram_of(std::string name, std::string unit, double low, double high, std::size_t bins,
                       double value);

/// Curves over common axes.
struct Chart {
  struct Curve {
    std::string name;
    std::vector<double> x, y;  ///< as long as each other; y that is no number is a gap
  };
  std::string title;
  std::string x, y;  ///< what the axes mean, with units
  std::vector<Curve> curves;
  bool diagonal = false;  ///< draws y = x for comparison: ROC, calibration
};

struct Table {
  std::string title;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  ///< each as long as columns
};

/// A JPEG that the node staged in this scope. It is shown scaled down.
struct Figure {
  std::string title;                    ///< "tissue and tiles"; of all scopes the same, as it is chosen by it
  std::filesystem::path output_folder;  ///< as given to Scope::stage
  std::filesystem::path unit;           ///< the file's path below it
};

using Item = std::variant<Quantity, Histogram, Chart, Table, Figure>;

/// Bytes that an item may have, and all of a node in one scope.
inline constexpr std::size_t most_item_bytes = 64 << 10, most_scope_bytes = 256 << 10;

/// What an item is called, by which it is replaced or added to.
const std::string& name_of(const Item& item);
/// Bytes that its texts and numbers take.
std::size_t bytes_of(const Item& item);
/// Throws std::logic_error, which says what is wrong: an item without a name, one that is larger than
/// most_item_bytes, rows, curves or bins that are not as long as they must be.
void check(const Item& item);

}  // namespace flowrun::report
