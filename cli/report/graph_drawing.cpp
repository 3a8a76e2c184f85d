// SPDX-License-Identifier: Apache-2.0
// Layers as of Sugiyama, Tagawa and Toda 1981: a node lies below all that feed it, edges over several layers
// get a place in each, and in a layer things lie by the mean place of what feeds them.
#include <flowrun/bytes.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "drawing.h"
#include "html.h"

namespace flowrun::cli {
namespace {

using nlohmann::json;

constexpr double box_width = 270, box_height = 92, gap = 26, layer_height = 168, through = 24;

/// A node, or where an edge passes a layer.
struct Item {
  int node = -1;
  std::vector<std::size_t> before = {};  // in the layer above
  double x = 0;                          // of its middle
  double width() const { return node < 0 ? through : box_width; }
};

struct Layout {
  std::vector<std::vector<Item>> layers;
  /// By edge: the items that it passes, one a layer, from its beginning to its end.
  struct Route {
    std::size_t first_layer;
    std::vector<std::size_t> items;
  };
  std::vector<Route> routes;
  double width = 0;
};

std::vector<std::size_t> layers_of(std::size_t nodes, const std::vector<std::pair<int, int>>& edges) {
  std::vector<std::size_t> layer(nodes);
  for (std::size_t round = 0; round < nodes; ++round)
    for (const auto& [from, to] : edges)
      layer[static_cast<std::size_t>(to)] =
          std::min(nodes - 1,
                   std::max(layer[static_cast<std::size_t>(to)], layer[static_cast<std::size_t>(from)] + 1));
  return layer;
}

/// Sorts a layer by the mean of what is above, and tells edges where their items have gone.
void sort_layer(Layout& layout, std::size_t at) {
  auto& layer = layout.layers[at];
  std::vector<std::pair<double, std::size_t>> order;
  for (std::size_t i = 0; i < layer.size(); ++i) {
    double sum = 0;
    for (const std::size_t above : layer[i].before) sum += layout.layers[at - 1][above].x;
    const auto count = static_cast<double>(layer[i].before.size());
    order.emplace_back(count > 0 ? sum / count : static_cast<double>(i), i);
  }
  std::ranges::stable_sort(order, {}, [](const auto& each) { return each.first; });
  std::vector<Item> sorted;
  std::vector<std::size_t> place(layer.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    place[order[i].second] = i;
    sorted.push_back(std::move(layer[order[i].second]));
  }
  layer = std::move(sorted);
  for (Layout::Route& route : layout.routes)
    if (route.first_layer <= at && at < route.first_layer + route.items.size())
      route.items[at - route.first_layer] = place[route.items[at - route.first_layer]];
  if (at + 1 < layout.layers.size())
    for (Item& below : layout.layers[at + 1])
      for (std::size_t& above : below.before) above = place[above];
}

void place_layer(std::vector<Item>& layer) {
  double all = -gap;
  for (const Item& item : layer) all += item.width() + gap;
  double x = -all / 2;
  for (Item& item : layer) {
    item.x = x + item.width() / 2;
    x += item.width() + gap;
  }
}

Layout lay_out(std::size_t nodes, const std::vector<std::pair<int, int>>& edges) {
  Layout out;
  const auto layer = layers_of(nodes, edges);
  out.layers.resize(nodes == 0 ? 0 : *std::ranges::max_element(layer) + 1);
  std::vector<std::size_t> place(nodes);
  for (std::size_t i = 0; i < nodes; ++i) {
    place[i] = out.layers[layer[i]].size();
    out.layers[layer[i]].push_back({static_cast<int>(i)});
  }
  for (const auto& [from, to] : edges) {
    const auto a = static_cast<std::size_t>(from), b = static_cast<std::size_t>(to);
    Layout::Route route{layer[a], {place[a]}};
    for (std::size_t at = layer[a] + 1; at < layer[b]; ++at) {
      out.layers[at].push_back({-1, {route.items.back()}});
      route.items.push_back(out.layers[at].size() - 1);
    }
    out.layers[layer[b]][place[b]].before.push_back(route.items.back());
    route.items.push_back(place[b]);
    out.routes.push_back(std::move(route));
  }
  for (std::size_t at = 0; at < out.layers.size(); ++at) {
    if (at > 0) sort_layer(out, at);
    place_layer(out.layers[at]);
    for (const Item& item : out.layers[at])
      out.width = std::max(out.width, 2 * (std::abs(item.x) + item.width() / 2));
  }
  return out;
}

/// Full boxes are nodes that worked all the time.
std::string box(const json& node, double seconds, double threads, double x, double y) {
  const double working = node.at("working_seconds"), memory = node.at("waiting_for_memory_seconds"),
               order = node.at("waiting_for_order_seconds");
  const double share = std::clamp(working / std::max(1e-9, seconds * threads), 0.0, 1.0);
  const double waiting = (memory + order) / std::max(1e-9, seconds);  // Little 1961: on average
  std::string out = fmt::format(
      R"x(<g transform="translate({:.1f} {:.1f})"><rect class="box" width="{}" height="{}" rx="6"/>)x"
      R"(<rect class="share" y="{}" width="{:.1f}" height="5" rx="2"/>)",
      x, y, box_width, box_height, box_height - 5, share * box_width);
  const auto line = [&](int at, const char* kind, const std::string& text) {
    out += fmt::format(R"(<text class="{}" x="10" y="{}">{}</text>)", kind, at, escaped(text));
  };
  line(19, "name",
       fmt::format("{} ({})", node.at("name").get<std::string>(), node.at("type").get<std::string>()));
  line(37, "",
       fmt::format("in {}, out {}, dropped {}", in_groups(node.at("in").get<std::uint64_t>()),
                   in_groups(node.at("out").get<std::uint64_t>()),
                   in_groups(node.at("dropped").get<std::uint64_t>())));
  line(54, "", fmt::format("works {} ({:.0f} % of all threads)", in_time(working), 100 * share));
  line(71, "",
       waiting < 0.005 ? "queue: nothing waits"
                       : fmt::format("queue: {:.2g} wait for {} on average", waiting,
                                     memory > order ? "memory" : "their turn"));
  return out + "</g>";
}

}  // namespace

std::string draw_graph_of(const json& summary) {
  const json& nodes = summary.at("nodes");
  const json& given = summary.at("edges");
  std::map<std::string, int> number;
  for (const json& node : nodes) number.emplace(node.at("name"), static_cast<int>(number.size()));
  std::vector<std::pair<int, int>> edges;
  for (const json& edge : given) edges.emplace_back(number.at(edge.at("from")), number.at(edge.at("to")));
  const Layout layout = lay_out(nodes.size(), edges);
  const double width = layout.width + 2 * gap,
               height =
                   static_cast<double>(layout.layers.size()) * layer_height - (layer_height - box_height) + 8;
  std::string out = fmt::format(
      R"(<svg class="graph" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" role="img" aria-label="The graph: {2} nodes and {3} connections; their numbers are in the table below">)",
      width, height, nodes.size(), edges.size());
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const Layout::Route& route = layout.routes[i];
    const auto point = [&](std::size_t step) {
      return width / 2 + layout.layers[route.first_layer + step][route.items[step]].x;
    };
    std::string path;
    for (std::size_t step = 0; step + 1 < route.items.size(); ++step) {
      const double y = 4 + static_cast<double>(route.first_layer + step) * layer_height + box_height,
                   end = y + layer_height - box_height, middle = (y + end) / 2;
      path += fmt::format("{}{:.1f} {:.1f}C{:.1f} {:.1f} {:.1f} {:.1f} {:.1f} {:.1f}", step == 0 ? "M" : "L",
                          point(step), y, point(step), middle, point(step + 1), middle, point(step + 1), end);
    }
    const json& edge = given[i];
    const auto bytes = edge.at("bytes").get<std::size_t>();
    const std::string words = fmt::format("{}, {}", edge.at("output").get<std::string>(),
                                          bytes > 0 ? format_bytes(bytes) : "size by packet");
    // Two edges of one pair of layers have their words at different heights.
    const double y = 4 + static_cast<double>(route.first_layer) * layer_height + box_height + 22 +
                     15 * static_cast<double>(i % 4);
    out += fmt::format(R"(<path class="edge" d="{}"><title>{} to {}: {}, {}</title></path>)", path,
                       escaped(edge.at("from").get<std::string>()), escaped(edge.at("to").get<std::string>()),
                       escaped(edge.at("type").get<std::string>()), escaped(words));
    const double along = (y - 4 - static_cast<double>(route.first_layer) * layer_height - box_height) /
                         (layer_height - box_height);
    const double ease = along * along * (3 - 2 * along);
    out += fmt::format(R"(<text class="edge" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>)",
                       point(0) + ease * (point(1) - point(0)), y, escaped(words));
  }
  for (std::size_t at = 0; at < layout.layers.size(); ++at)
    for (const Item& item : layout.layers[at])
      if (item.node >= 0)
        out += box(nodes[static_cast<std::size_t>(item.node)], summary.at("seconds"), summary.at("threads"),
                   width / 2 + item.x - box_width / 2, 4 + static_cast<double>(at) * layer_height);
  return out + "</svg>";
}

}  // namespace flowrun::cli
