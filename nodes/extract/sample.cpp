// SPDX-License-Identifier: Apache-2.0
#include "sample.h"

#include <algorithm>
#include <limits>
#include <map>
#include <tuple>

#include "nodes/base/random.h"

namespace flowrun::wsi {
namespace {

struct Ticket {
  std::uint64_t number;
  Chosen tile;
  bool operator<(const Ticket& other) const {
    return std::tie(number, tile.cell.y, tile.cell.x) <
           std::tie(other.number, other.tile.cell.y, other.tile.cell.x);
  }
};

/// The lowest numbers, as a heap with the highest of them on top.
class Lowest {
 public:
  explicit Lowest(std::size_t most) : most_(most) {}
  void offer(const Ticket& ticket) {
    if (tickets_.size() == most_ && !(most_ > 0 && ticket < tickets_.front())) return;
    tickets_.push_back(ticket);
    std::push_heap(tickets_.begin(), tickets_.end());
    if (tickets_.size() <= most_) return;
    std::pop_heap(tickets_.begin(), tickets_.end());
    tickets_.pop_back();
  }
  const std::vector<Ticket>& tickets() const { return tickets_; }

 private:
  std::size_t most_;
  std::vector<Ticket> tickets_;
};

}  // namespace

std::vector<Chosen> sample(const std::function<std::optional<Chosen>()>& next, const std::string& slide,
                           const Caps& caps) {
  constexpr auto no_cap = std::numeric_limits<int>::max();
  const std::uint64_t of_slide = chance_of(caps.seed, slide);
  Lowest all(static_cast<std::size_t>(caps.per_slide.value_or(no_cap)));
  std::map<std::string, Lowest> by_class;
  while (const auto tile = next()) {
    const Ticket ticket{chance_at(of_slide, tile->cell.x, tile->cell.y), *tile};
    if (caps.per_class)
      by_class.try_emplace(tile->label, static_cast<std::size_t>(*caps.per_class))
          .first->second.offer(ticket);
    else
      all.offer(ticket);
  }
  for (const auto& [value, lowest] : by_class)
    for (const Ticket& ticket : lowest.tickets()) all.offer(ticket);
  std::vector<Chosen> taken;
  for (const Ticket& ticket : all.tickets()) taken.push_back(ticket.tile);
  std::sort(taken.begin(), taken.end(), [](const Chosen& a, const Chosen& b) {
    return std::tie(a.cell.row, a.cell.column) < std::tie(b.cell.row, b.cell.column);
  });
  return taken;
}

std::size_t most_bytes_of_sample(const Caps& caps) {
  constexpr std::size_t most_classes = 256, most_tiles_of_a_slide = 10'000'000;
  const auto tiles = [](const std::optional<int>& cap) { return static_cast<std::size_t>(cap.value_or(0)); };
  const std::size_t in_classes = std::min(tiles(caps.per_class) * most_classes, most_tiles_of_a_slide);
  return (in_classes + std::max(tiles(caps.per_slide), in_classes)) * sizeof(Ticket);
}

}  // namespace flowrun::wsi
