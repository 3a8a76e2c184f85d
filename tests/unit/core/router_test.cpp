// SPDX-License-Identifier: Apache-2.0
#include "run/router.h"

#include <doctest/doctest.h>

#include <deque>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

using namespace flowrun;

namespace {

struct Number {
  static constexpr std::string_view packet_type = "test.number/1";
  std::uint64_t value;
};

/// A plan of nodes that take numbers, without the nodes themselves.
class Shape {
 public:
  int add(const std::string& name, Role role, std::vector<int> from, int outputs = 1) {
    NodeType& type = types_.emplace_back();
    type.name = name;
    type.role = role;
    for (std::size_t i = 0; i < from.size(); ++i)
      type.inputs.push_back({"in" + std::to_string(i), "test.number/1"});
    for (int i = 0; i < outputs; ++i) type.outputs.push_back({"out" + std::to_string(i), "test.number/1"});
    PlanNode node;
    node.name = name;
    node.type = &type;
    node.wants_tombstones = true;
    node.outer.resize(from.size());
    node.to.resize(static_cast<std::size_t>(outputs));
    const int number = static_cast<int>(plan.nodes.size());
    for (std::size_t i = 0; i < from.size(); ++i) {
      node.from.push_back({from[i], 0});
      plan.nodes[static_cast<std::size_t>(from[i])].to[0].push_back({number, static_cast<int>(i)});
    }
    plan.nodes.push_back(std::move(node));
    return number;
  }
  Plan plan;

 private:
  std::deque<NodeType> types_;
};

/// Does what follows from packets in an order that chance gives: as threads would, but the same every time.
class Interleaved : public RouterEvents {
 public:
  Interleaved(const Plan& plan, unsigned seed)
      : router(plan, *this), plan_(plan), random_(seed), totals_(plan.nodes.size()) {
    run = std::make_shared<ScopeRun>(plan, -1, "run", 0, std::vector<OutputFolder*>{}, totals_);
    router.begin(run);
  }

  /// Sends numbers below `count` from a node without inputs; those of `without` are dropped there.
  void feed(int node, std::uint64_t count, std::function<bool(std::uint64_t)> without) {
    for (std::uint64_t i = 0; i < count; ++i)
      later([this, node, i, dropped = without(i)] { emit(node, i, i, dropped); });
    left_[node] = count;
    if (count == 0) later([this, node] { router.release(run, node); });
  }
  void go() {
    while (!todo_.empty()) {
      std::swap(todo_[random_() % todo_.size()], todo_.back());
      const auto task = std::move(todo_.back());
      todo_.pop_back();
      task();
    }
  }

  void call(const ScopePtr&, int node, std::uint64_t index, std::vector<Packet> packets) override {
    later([this, node, index, packets = std::move(packets)]() mutable { work(node, index, packets); });
  }
  void passed_over(const ScopePtr&, int, std::uint64_t) override {}
  void one_too_many(const ScopePtr&, int, PortRef) override {
    FAIL("a second packet for an input that takes one");
  }
  void act(const ScopePtr&, int node, std::uint64_t index, HeldAction& action) override {
    action.action();
    acted[plan_.nodes[static_cast<std::size_t>(node)].name].push_back(index);
  }
  void finish(const ScopePtr&, int node) override {
    later([this, node] {
      ++finished[plan_.nodes[static_cast<std::size_t>(node)].name];
      router.close(run, node);
    });
  }
  void outer_closed(int) override {}

  Router router;
  ScopePtr run;
  std::map<std::string, std::vector<std::uint64_t>> acted, called;
  std::map<std::string, std::map<std::uint64_t, std::uint64_t>>
      values;  // by node and index: sum of its inputs
  std::map<std::string, int> finished;
  std::function<bool(const std::string&, std::uint64_t)> drops = [](auto&, auto) { return false; };

 private:
  void later(std::function<void()> task) { todo_.push_back(std::move(task)); }

  void emit(int node, std::uint64_t index, std::uint64_t value, bool dropped) {
    std::vector<Outputs::Emission> emissions;
    if (!dropped) emissions.push_back({0, Packet::make(Number{value}, nullptr, index)});
    router.send(run, node, emissions, index);
    if (left_.contains(node) && --left_[node] == 0) router.release(run, node);
  }

  void work(int node, std::uint64_t index, std::vector<Packet>& packets) {
    const PlanNode& planned = plan_.nodes[static_cast<std::size_t>(node)];
    called[planned.name].push_back(index);
    std::uint64_t sum = 0;
    for (const Packet& packet : packets) sum += static_cast<const Number*>(packet.payload.get())->value;
    values[planned.name][index] = sum;
    NodeScope& here = run->at(node);
    here.counts.went_out();
    if (planned.type->role == Role::map) emit(node, index, sum, drops(planned.name, index));
    if (planned.type->role == Role::gather) emit(node, here.emitted++, sum, false);
    HeldAction held;
    if (planned.type->acts()) held.action = [] {};
    router.conclude(run, node, index, std::move(held));
  }

  const Plan& plan_;
  std::mt19937 random_;
  std::deque<Counts> totals_;
  std::deque<std::function<void()>> todo_;
  std::map<int, std::uint64_t> left_;
};

std::vector<std::uint64_t> below(std::uint64_t count, const std::function<bool(std::uint64_t)>& keeps) {
  std::vector<std::uint64_t> out;
  for (std::uint64_t i = 0; i < count; ++i)
    if (keeps(i)) out.push_back(i);
  return out;
}

}  // namespace

TEST_CASE("streams of unequal length with gaps are joined, ordered and finished, however packets overtake") {
  for (unsigned seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    Shape shape;
    const int a = shape.add("a", Role::make, {}), b = shape.add("b", Role::make, {}),
              c = shape.add("c", Role::make, {});
    const int odd = shape.add("odd", Role::map, {a});
    const int join = shape.add("join", Role::map, {odd, b, c});
    const int pass = shape.add("pass", Role::map, {join});
    shape.add("write", Role::write, {pass}, 0);
    const int gather = shape.add("gather", Role::gather, {join});
    shape.add("ends", Role::write, {gather}, 0);
    Interleaved run(shape.plan, seed);
    run.drops = [](const std::string& node, std::uint64_t index) {
      return (node == "odd" && index % 2 == 0) || (node == "pass" && index == 3);
    };
    run.feed(a, 20, [](auto) { return false; });
    run.feed(b, 10, [](auto i) { return i == 5; });
    run.feed(c, 14, [](auto) { return false; });
    run.go();
    const auto joined = below(10, [](auto i) { return i % 2 == 1 && i != 5; });
    CHECK(run.called["gather"] == joined);  // one after the other, in order
    CHECK(run.acted["write"] == below(10, [](auto i) { return i % 2 == 1 && i != 5 && i != 3; }));
    CHECK(run.acted["ends"] == below(joined.size(), [](auto) { return true; }));
    for (const std::uint64_t i : joined) CHECK(run.values["join"][i] == 3 * i);
    for (const PlanNode& node : shape.plan.nodes) CHECK(run.finished[node.name] == 1);
    // What cannot be joined is counted: 10 odd ones of a, 9 of b, 14 of c came; 4 of each were joined.
    CHECK(run.run->at(join).counts.in == 4 + (10 - 4) + (9 - 4) + (14 - 4));
    CHECK(run.run->at(join).counts.dropped == (10 - 4) + (9 - 4) + (14 - 4));
  }
}

TEST_CASE("a node that gets nothing at all finishes, and so do all after it") {
  Shape shape;
  const int a = shape.add("a", Role::make, {});
  const int gather = shape.add("gather", Role::gather, {shape.add("map", Role::map, {a})});
  shape.add("write", Role::write, {gather}, 0);
  Interleaved run(shape.plan, 1);
  run.feed(a, 0, [](auto) { return false; });
  run.go();
  CHECK(run.finished == std::map<std::string, int>{{"a", 1}, {"map", 1}, {"gather", 1}, {"write", 1}});
}
