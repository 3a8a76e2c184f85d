// SPDX-License-Identifier: Apache-2.0
#include "run/reported.h"

#include <flowrun/bytes.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <stdexcept>

namespace flowrun {
namespace {

using nlohmann::json;
using namespace report;

struct ToJson {
  json operator()(const Quantity& q) const {
    return {{"quantity", q.name}, {"value", q.value}, {"unit", q.unit}};
  }
  json operator()(const Histogram& h) const {
    return {{"histogram", h.name}, {"unit", h.unit}, {"edges", h.edges}, {"counts", h.counts}};
  }
  json operator()(const Chart& c) const {
    json curves = json::array();
    for (const auto& curve : c.curves)
      curves.push_back({{"name", curve.name}, {"x", curve.x}, {"y", curve.y}});
    return {{"chart", c.title}, {"x", c.x}, {"y", c.y}, {"diagonal", c.diagonal}, {"curves", curves}};
  }
  json operator()(const Table& t) const {
    return {{"table", t.title}, {"columns", t.columns}, {"rows", t.rows}};
  }
  json operator()(const Figure& f) const {
    return {{"figure", f.title},
            {"path", (std::filesystem::weakly_canonical(f.output_folder) / f.unit).string()}};
  }
};

void add_counts(Histogram& to, const Histogram& more) {
  if (to.edges != more.edges)
    throw std::logic_error(
        fmt::format("the histogram '{}', which is reported, has other edges than before", to.name));
  std::ranges::transform(to.counts, more.counts, to.counts.begin(), std::plus());
}

}  // namespace

void Reported::add(const Item& item) {
  std::scoped_lock lock(mutex_);
  const auto known = std::ranges::find(items_, name_of(item), [](const Item& each) { return name_of(each); });
  if (known != items_.end() && known->index() != item.index())
    throw std::logic_error(fmt::format("'{}' is reported as two kinds of things", name_of(item)));
  const std::size_t before = known == items_.end() ? 0 : bytes_of(*known);
  const std::size_t bytes = bytes_ - before + bytes_of(item);
  if (bytes > most_scope_bytes)
    throw std::logic_error(
        fmt::format("with '{}' {} are reported in one scope: at most {} are kept; report less", name_of(item),
                    format_bytes(bytes), format_bytes(most_scope_bytes)));
  if (known == items_.end())
    items_.push_back(item);
  else if (auto* const histogram = std::get_if<Histogram>(&*known))
    add_counts(*histogram, std::get<Histogram>(item));
  else
    *known = item;
  bytes_ = bytes;
}

bool Reported::empty() const {
  std::scoped_lock lock(mutex_);
  return items_.empty();
}

json Reported::json() const {
  std::scoped_lock lock(mutex_);
  nlohmann::json out = nlohmann::json::array();
  for (const Item& item : items_) out.push_back(std::visit(ToJson(), item));
  return out;
}

}  // namespace flowrun
