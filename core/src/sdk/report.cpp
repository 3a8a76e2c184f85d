// SPDX-License-Identifier: Apache-2.0
#include <flowrun/bytes.h>
#include <flowrun/report.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace flowrun::report {
namespace {

struct Name {
  const std::string& operator()(const Quantity& q) const { return q.name; }
  const std::string& operator()(const Histogram& h) const { return h.name; }
  const std::string& operator()(const Chart& c) const { return c.title; }
  const std::string& operator()(const Table& t) const { return t.title; }
  const std::string& operator()(const Figure& f) const { return f.title; }
};

struct Bytes {
  std::size_t operator()(const Quantity& q) const { return q.name.size() + q.unit.size() + sizeof q; }
  std::size_t operator()(const Histogram& h) const {
    return h.name.size() + h.unit.size() + 8 * (h.edges.size() + h.counts.size());
  }
  std::size_t operator()(const Chart& c) const {
    std::size_t bytes = c.title.size() + c.x.size() + c.y.size();
    for (const auto& curve : c.curves) bytes += curve.name.size() + 8 * (curve.x.size() + curve.y.size());
    return bytes;
  }
  std::size_t operator()(const Table& t) const {
    std::size_t bytes = t.title.size();
    for (const auto& column : t.columns) bytes += column.size() + 1;
    for (const auto& row : t.rows)
      for (const auto& cell : row) bytes += cell.size() + 1;
    return bytes;
  }
  std::size_t operator()(const Figure& f) const {
    return f.title.size() + f.output_folder.native().size() + f.unit.native().size();
  }
};

/// What is wrong with the shape of an item; empty: nothing.
struct Mistake {
  std::string operator()(const Quantity&) const { return {}; }
  std::string operator()(const Histogram& h) const {
    if (h.counts.empty() || h.edges.size() != h.counts.size() + 1)
      return fmt::format("{} edges and {} counts; expected one edge more than counts", h.edges.size(),
                         h.counts.size());
    const bool finite = std::ranges::all_of(h.edges, [](double edge) { return std::isfinite(edge); });
    if (!finite || std::ranges::adjacent_find(h.edges, std::greater_equal()) != h.edges.end())
      return "its edges do not ascend";
    return {};
  }
  std::string operator()(const Chart& c) const {
    for (const auto& curve : c.curves)
      if (curve.x.size() != curve.y.size())
        return fmt::format("curve '{}' has {} x and {} y", curve.name, curve.x.size(), curve.y.size());
    return {};
  }
  std::string operator()(const Table& t) const {
    for (const auto& row : t.rows)
      if (row.size() != t.columns.size())
        return fmt::format("a row of {} cells for {} columns", row.size(), t.columns.size());
    return {};
  }
  std::string operator()(const Figure& f) const {
    return f.unit.empty() || f.unit.is_absolute() ? "the path of its unit is not below the output folder"
                                                  : std::string();
  }
};

}  // namespace

Histogram histogram_of(std::string name, std::string unit, double low, double high, std::size_t bins,
                       double value) {
  Histogram out{std::move(name), std::move(unit), std::vector<double>(bins + 1),
                std::vector<std::uint64_t>(bins)};
  const double width = (high - low) / static_cast<double>(bins);
  for (std::size_t i = 0; i <= bins; ++i) out.edges[i] = low + width * static_cast<double>(i);
  if (std::isnan(value)) return out;
  const double bin = std::clamp(std::floor((value - low) / width), 0.0, static_cast<double>(bins - 1));
  ++out.counts[static_cast<std::size_t>(bin)];
  return out;
}

const std::string& name_of(const Item& item) {
  return std::visit(Name(), item);
}

std::size_t bytes_of(const Item& item) {
  return std::visit(Bytes(), item);
}

void check(const Item& item) {
  const std::string& name = name_of(item);
  if (name.empty()) throw std::logic_error("what is reported needs a name");
  if (const std::string mistake = std::visit(Mistake(), item); !mistake.empty())
    throw std::logic_error(fmt::format("'{}' cannot be reported: {}", name, mistake));
  if (const std::size_t bytes = bytes_of(item); bytes > most_item_bytes)
    throw std::logic_error(
        fmt::format("'{}' cannot be reported: it has {}, of which at most {} are kept; report less", name,
                    format_bytes(bytes), format_bytes(most_item_bytes)));
}

}  // namespace flowrun::report
