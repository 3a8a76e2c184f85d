// SPDX-License-Identifier: Apache-2.0
#include "graphs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "random.h"

namespace flowrun::test {
namespace {

/// More packets than that in a scope are not made, so that a run takes milliseconds.
constexpr int most_packets = 120;

/// An output that may be taken.
struct Stream {
  std::string from;
  int scope;        // number of the opener; 0: the run
  int numbered_by;  // node that numbers its packets
  int packets;      // at most, in a scope; 1: its maker makes no more
  bool is_taken = false;
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  RandomGraph graph() {
    const int nodes = number_of_nodes();
    has_errors_ = random_.percent(40);
    has_naps_ = random_.percent(50);
    random_.percent(85) ? add_opener() : add_source();
    while (static_cast<int>(graph_.nodes.size()) < nodes) add_any();
    end_streams();
    graph_.memory_factor = random_.percent(40) ? 1 : 1 + random_.between(0, 300) / 100.0;
    return std::move(graph_);
  }

 private:
  /// Small ones often: there a single packet too many does not fit.
  int number_of_nodes() {
    const int which = random_.between(1, 100);
    return which <= 30   ? random_.between(1, 4)
           : which <= 75 ? random_.between(3, 12)
                         : random_.between(8, 38);
  }
  void add_any() {
    using Add = void (Generator::*)();
    static const std::vector<std::pair<int, Add>> all{
        {8, &Generator::add_opener}, {4, &Generator::add_source},  {18, &Generator::add_split},
        {24, &Generator::add_map},   {6, &Generator::add_ways},    {14, &Generator::add_join},
        {8, &Generator::add_tint},   {10, &Generator::add_bundle}, {6, &Generator::add_record},
        {5, &Generator::add_fold},   {5, &Generator::add_sink},    {6, &Generator::add_relay}};
    static const int sum = 114;
    int pick = random_.between(1, sum);
    for (const auto& [weight, add] : all)
      if ((pick -= weight) <= 0) return (this->*add)();
  }

  RandomNode& add(const std::string& type) {
    graph_.nodes.push_back({fmt::format("{}{}", type, graph_.nodes.size()), type, {}, {}});
    RandomNode& node = graph_.nodes.back();
    option("salt", random_.between(1, 1000));
    if (random_.percent(40)) option("scratch", random_.between(0, 3000));
    if (random_.percent(15)) option("workers", random_.between(1, 3));
    if (has_naps_ && random_.percent(25)) option("nap", random_.between(20, 400));
    if (has_errors_ && random_.percent(30)) add_error();
    return node;
  }
  void add_error() {
    option("fails", random_.between(3, 60));
    const int which = random_.between(1, 100);
    option("on_error", std::string(which <= 60 ? "skip" : which <= 96 ? "fail" : "stop"));
  }
  template <class T>
  void option(const std::string& name, const T& value) {
    graph_.nodes.back().options.emplace_back(name, fmt::format("{}", value));
  }
  void bytes() { option("bytes", random_.percent(20) ? 0 : random_.between(1, 4000)); }
  void drops(int chance) {
    if (random_.percent(chance)) option("drops", random_.between(2, 9));
  }
  void keeps() {
    if (random_.percent(25)) option("keeps", random_.between(1, 3000));
  }

  void connect(const std::string& input, Stream& stream) {
    graph_.nodes.back().from.emplace_back(input, stream.from);
    stream.is_taken = true;
  }
  int last() const { return static_cast<int>(graph_.nodes.size()); }
  void give(const std::string& port, int scope, int numbered_by, int packets) {
    streams_.push_back({graph_.nodes.back().name + "." + port, scope, numbered_by, packets});
  }

  /// A stream that fits, rather one that nobody takes yet.
  Stream* find(const std::function<bool(const Stream&)>& fits) {
    std::vector<Stream*> all, free;
    for (Stream& stream : streams_) {
      if (!fits(stream)) continue;
      all.push_back(&stream);
      if (!stream.is_taken) free.push_back(&stream);
    }
    if (!free.empty() && random_.percent(60)) return random_.one_of(free);
    return all.empty() ? nullptr : random_.one_of(all);
  }
  Stream* any() {
    return find([](const Stream&) { return true; });
  }
  /// One whose packets can be joined with those of another, or, now and then, maybe not.
  Stream* partner(const Stream& stream) {
    const bool alike = random_.percent(60);
    return find([&](const Stream& other) {
      return &other != &stream && other.scope == stream.scope &&
             (!alike || other.numbered_by == stream.numbered_by);
    });
  }
  /// One with a packet for the scope, of the scope or of the run.
  Stream* for_scope(int scope) {
    return find([&](const Stream& s) { return s.packets == 1 && (s.scope == scope || s.scope == 0); });
  }

  void add_opener() {
    Stream* input =
        random_.percent(50) ? find([](const Stream& s) { return s.scope == 0 && s.packets <= 3; }) : nullptr;
    const Stream from = input ? *input : Stream{};
    if (input) input->is_taken = true;
    add(random_.percent(25) ? "rounds" : "scopes");
    option("count", random_.between(1, input ? 3 : 6));
    option("prefix", graph_.nodes.back().name);
    bytes();
    if (input) graph_.nodes.back().from.emplace_back("item", from.from);
    give("scope", last(), last(), 1);
  }
  void add_source() {
    add("source");
    const int count = random_.percent(40) ? 1 : random_.between(1, 30);
    option("count", count);
    option("exact", random_.percent(80));
    bytes();
    drops(10);
    give("item", 0, last(), count);
  }
  void add_split() {
    Stream* input = find([](const Stream& s) { return s.packets <= most_packets / 2; });
    if (!input) return;
    const Stream from = *input;
    const int count = random_.between(1, std::min(most_packets / from.packets, 40));
    add("split");
    connect("item", *input);
    option("count", count);
    option("exact", random_.percent(60));
    option("tells_total", random_.percent(50));
    option("holds", random_.percent(30));
    bytes();
    drops(15);
    keeps();
    give("item", from.scope, last(), from.packets * count);
  }
  void add_map() {
    Stream* input = any();
    const Stream from = *input;
    static const std::vector<std::string> types{"forward", "renew", "change", "ask"};
    const std::string& type = random_.one_of(types);
    add(type);
    connect("item", *input);
    if (type == "renew" || type == "ask") bytes();
    drops(30);
    if (type != "ask") keeps();
    give("item", from.scope, from.numbered_by, from.packets);
  }
  /// A node with two outputs.
  void add_ways() {
    Stream* input = any();
    const Stream from = *input;
    const bool forks = random_.percent(50);
    add(forks ? "fork" : "sieve");
    connect("item", *input);
    if (forks) bytes();
    drops(20);
    for (const char* port : {"item", "other"}) give(port, from.scope, from.numbered_by, from.packets);
  }
  void add_join() {
    Stream* first = any();
    Stream* second = partner(*first);
    if (!second) return;
    const Stream from = *first;
    static const std::vector<std::string> types{"join", "join", "join_forward", "gate"};
    const std::string& type = random_.one_of(types);
    add(type);
    connect("item", *first);
    connect("with", *second);
    int packets = std::max(first->packets, second->packets);
    if (type == "join") {
      bytes();
      if (Stream* third = random_.percent(40) ? partner(from) : nullptr) {
        connect("third", *third);
        packets = std::max(packets, third->packets);
      }
    }
    drops(20);
    keeps();
    give("item", from.scope, from.numbered_by, packets);
    if (type == "gate") give("other", from.scope, from.numbered_by, packets);
  }
  void add_tint() {
    Stream* input = any();
    Stream* by = for_scope(input->scope);
    if (!by || by == input) return;
    const Stream from = *input;
    const bool stamps = random_.percent(30);
    add(stamps ? "stamp" : "tint");
    connect("item", *input);
    connect("by", *by);
    if (!stamps) bytes();
    drops(20);
    give("item", from.scope, from.numbered_by, from.packets);
  }
  void add_bundle() {
    Stream* input = any();
    Stream* with = random_.percent(15) ? partner(*input) : nullptr;
    const Stream from = *input;
    const int size = random_.percent(30) ? 0 : random_.between(1, 6);
    const int rest = random_.between(0, size == 0 ? 1 : 3);
    add("bundle");
    connect("item", *input);
    if (with) connect("with", *with);
    option("size", size);
    option("rest", rest);
    if (random_.percent(25)) option("early", random_.between(2, 8));
    option("holds", random_.percent(60));
    bytes();
    drops(15);
    keeps();
    give("bundle", from.scope, last(), size == 0 ? std::max(rest, 1) : from.packets + rest);
  }
  void add_relay() {
    Stream* input = any();
    const Stream from = *input;
    add("relay");
    connect("item", *input);
    option("size", random_.between(1, 6));
    drops(15);
    keeps();
    give("item", from.scope, last(), from.packets);
  }
  void end(const std::string& type, Stream& input) {
    const Stream from = input;
    Stream* with = type == "record" && random_.percent(15) ? partner(input) : nullptr;
    Stream* by = type != "sink" && random_.percent(20) ? for_scope(from.scope) : nullptr;
    add(type);
    connect("item", input);
    if (with) connect("with", *with);
    if (by && by != &input && by != with) connect("by", *by);
    keeps();
    if (type == "sink") return;
    option("holds", random_.percent(50));
    drops(20);
    if (type == "record" && has_errors_ && random_.percent(10))
      option("action_fails", random_.between(20, 60));
  }
  void add_record() { end("record", *any()); }
  void add_sink() { end("sink", *any()); }
  void add_fold() {
    Stream* input = find([](const Stream& s) { return s.scope != 0; });
    if (!input) return;
    end("fold", *input);
    bytes();
    if (random_.percent(40)) option("keeps_for_run", random_.between(1, 5000));
    const int count = random_.percent(60) ? 1 : random_.between(0, 4);
    option("count", count);
    give("sum", 0, last(), std::max(count, 1));
  }
  void end_streams() {
    static const std::vector<std::string> types{"sink", "record"};
    for (std::size_t i = 0; i < streams_.size() && graph_.nodes.size() < 40; ++i)
      if (!streams_[i].is_taken && random_.percent(85)) end(random_.one_of(types), streams_[i]);
  }

  Random random_;
  RandomGraph graph_;
  std::vector<Stream> streams_;
  bool has_errors_ = false, has_naps_ = false;
};

std::string text_of(const RandomNode& node) {
  std::vector<std::string> parts{"type: " + node.type}, from;
  for (const auto& [input, source] : node.from) from.push_back(input + ": " + source);
  if (!from.empty()) parts.push_back(fmt::format("from: {{{}}}", fmt::join(from, ", ")));
  for (const auto& [name, value] : node.options) parts.push_back(name + ": " + value);
  return fmt::format("  {}: {{{}}}\n", node.name, fmt::join(parts, ", "));
}

}  // namespace

std::string RandomGraph::text() const {
  std::string out = "flowrun: 1\nname: random\nnodes:\n";
  for (const RandomNode& node : nodes) out += text_of(node);
  return out;
}

RandomGraph random_graph(std::uint64_t seed) {
  return Generator(seed).graph();
}

}  // namespace flowrun::test
