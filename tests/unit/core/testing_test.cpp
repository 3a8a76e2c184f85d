// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/testing.h>

#include <fstream>

using namespace flowrun;
using flowrun::testing::Failure;
using flowrun::testing::NodeRunner;

namespace {

struct Number {
  static constexpr std::string_view packet_type = "testing.number/1";
  int value = 0;
};
struct Text {
  static constexpr std::string_view packet_type = "testing.text/1";
  std::string text;
};

/// Sends odd numbers to one port and even ones to another, twice the number as a text to a third.
struct Sort : Map {
  int most = 100;
  std::string mode = "all";

  static void describe(Description<Sort>& d) {
    d.summary("Sorts.").input<Number>("number").output<Number>("odd").output<Number>("even");
    d.output<Text>("twice");
    d.option("most", &Sort::most, "largest number that is taken").at_least(0).at_most(1000);
    d.option("mode", &Sort::mode, "which").choices({"all", "none"});
  }
  void plan(Costs& costs) override {
    if (mode == "none" && most > 0) throw OptionError("most", "makes no sense with 'mode: none'", "most: 0");
    costs.forwards("odd");
    costs.out("twice", 7);
  }
  void process(Inputs& in, Outputs& out) override {
    const int value = in.get<Number>("number").value;
    out.emit("twice", Text{std::to_string(2 * value)});
    if (value > most) throw Error("too large a number");
    out.forward(value % 2 ? "odd" : "even");
    if (value == 0) out.drop("nothing");
    if (value == 1) out.note("one");
    if (value == 2) out.leave_out("two");
  }
};

/// Gives a text of as many bytes as the number says, and needs nine times as many meanwhile.
struct Fill : Map {
  static void describe(Description<Fill>& d) {
    d.summary("Writes out.").input<Number>("number").output<Text>("text");
  }
  void plan(Costs& costs) override {
    costs.out("text", 100);
    costs.scratch = 900;
  }
  CallBytes bytes(const Inputs& in) const override {
    const auto value = static_cast<std::size_t>(in.get<Number>("number").value);
    return {.out = value, .scratch = 9 * value};
  }
  void process(Inputs& in, Outputs& out) override {
    out.emit("text", Text{std::string(static_cast<std::size_t>(in.get<Number>("number").value), 'x')});
  }
};

/// Gathers two numbers at a time.
struct Pairs : Gather {
  struct Two {
    std::vector<std::shared_ptr<const Number>> all;
  };
  static void describe(Description<Pairs>& d) {
    d.summary("Pairs.").input<Number>("number").scope_input<Text>("title").output<Text>("pair");
  }
  void plan(Costs& costs) override {
    costs.holds = 1;
    costs.out("pair", 0);
  }
  void process(Inputs& in, Outputs& out) override {
    auto& two = in.state<Two>();
    two.all.push_back(in.share<Number>("number"));
    if (two.all.size() < 2) return;
    out.emit("pair", Text{in.get<Text>("title").text + std::to_string(two.all[0]->value) + "+" +
                          std::to_string(two.all[1]->value)});
    two.all.clear();
  }
  Packets finish(Inputs& in, Outputs&) override {
    if (in.scope().failed()) return {};
    std::vector<std::string> texts;
    for (const auto& one : in.state<Two>().all) texts.push_back(std::to_string(one->value));
    texts.emplace_back("end");
    return {texts.size(), [texts](std::uint64_t i, Outputs& out) { out.emit("pair", Text{texts[i]}); }};
  }
};

struct Count : Open {
  int numbers = 3;
  static void describe(Description<Count>& d) {
    d.summary("Counts.").scope_output<Number>("number");
    d.option("numbers", &Count::numbers, "how many");
  }
  Scopes open(Inputs&) override {
    const auto next = [all = numbers, at = 0]() mutable -> std::optional<NewScope> {
      if (at == all) return {};
      const int value = at++;
      return NewScope{"scope" + std::to_string(value),
                      {{"value", std::to_string(value)}},
                      [value](Outputs& out) { out.emit("number", Number{value}); }};
    };
    return {next};
  }
};

/// Makes as many texts as the number says.
struct Spell : Make {
  static void describe(Description<Spell>& d) {
    d.summary("Spells.").input<Number>("number").output<Text>("text");
  }
  Packets make(Inputs& in) override {
    const auto count = static_cast<std::uint64_t>(in.get<Number>("number").value);
    return {count, [](std::uint64_t i, Outputs& out) { out.emit("text", Text{std::to_string(i)}); }};
  }
};

/// Writes the sum to a file at the end of the scope.
struct WriteSum : Write {
  std::filesystem::path dir;
  static void describe(Description<WriteSum>& d) {
    d.summary("Writes.").input<Number>("number");
    d.option("dir", &WriteSum::dir, "folder").output_folder();
  }
  struct Sum {
    int value = 0;
  };
  Action process(Inputs& in, Outputs&) override {
    return [&sum = in.state<Sum>(), value = in.get<Number>("number").value] { sum.value += value; };
  }
  void finish(Inputs& in, Outputs&) override {
    if (in.scope().failed()) return;
    std::ofstream(in.scope().stage(dir, in.scope().name() + ".txt")) << in.state<Sum>().value;
  }
};

/// Sums up the numbers of all scopes; says of each that it ended, and at the end which are done.
struct SumAll : GatherScopes {
  int sum = 0;
  static void describe(Description<SumAll>& d) {
    d.summary("Sums.").input<Number>("number").output<Text>("sum");
  }
  Action process(Inputs& in, Outputs&) override {
    return [this, value = in.get<Number>("number").value] { sum += value; };
  }
  void finish(Inputs& in, Outputs& out) override {
    out.note(in.scope().name() + " ended");
    out.keep("by " + std::to_string(sum));
  }
  Packets finish_run(Inputs& in, Outputs& out) override {
    for (const std::string& scope : in.done_scopes()) out.note(scope + " is done " + in.kept(scope));
    return {1, [this](std::uint64_t, Outputs& at_end) { at_end.emit("sum", Text{std::to_string(sum)}); }};
  }
};

}  // namespace

TEST_CASE("a runner shows what a node emits, on which port, in what order, with what index") {
  NodeRunner<Sort> runner;
  runner.input("number", Number{3}).process();
  runner.index(7).input("number", Number{4}).process();
  REQUIRE(runner.emissions().size() == 4);
  std::string order;
  for (const auto& packet : runner.emissions()) order += packet.port + std::to_string(packet.index) + " ";
  CHECK(order == "odd0 twice0 even7 twice7 ");  // by index, then as the ports are described
  CHECK(runner.emitted("odd") == 1);
  CHECK(runner.output<Number>("even").value == 4);
  CHECK(runner.output<Text>("twice", 1).text == "8");
  runner.expect_emitted("twice", 2).input("number", Number{0}).process().input("number", Number{1}).process();
  CHECK(runner.drop_reasons() == std::vector<std::string>{"nothing"});
  CHECK(runner.notes() == std::vector<std::string>{"one"});
  runner.input("number", Number{2}).process().expect_emitted("even", 3);  // it went on
  CHECK(runner.left_out() == std::vector<std::string>{"two"});
}

TEST_CASE("what a node throws comes out, and what the call had sent does not") {
  NodeRunner<Sort> runner;
  CHECK(runner.input("number", Number{101}).error() == "too large a number");
  CHECK(runner.emissions().empty());
  CHECK_THROWS_WITH_AS(runner.input("number", Number{101}).process(), "too large a number", Error);
  CHECK_THROWS_WITH_AS(runner.input("number", Number{1}).error(), "process() did not throw", Failure);
}

TEST_CASE("options are set as a graph sets them") {
  NodeRunner<Sort> runner;
  CHECK(runner.option("most", "5").node().most == 5);
  CHECK_THROWS_WITH_AS(runner.option("most", "-1"), "expected at least 0, at most 1000, found -1", Error);
  CHECK_THROWS_WITH_AS(runner.option("most", "many"), "expected an integer, found 'many'", Error);
  CHECK_THROWS_WITH_AS(runner.option("mode", "nine"), "unknown value 'nine'", OptionError);
  CHECK_THROWS_WITH_AS(runner.option("least", "1"), "the node has no option 'least'", Failure);
  CHECK_THROWS_AS(runner.option("most", "[1"), Failure);
}

TEST_CASE("a plan says what packets cost, or which options do not fit") {
  NodeRunner<Sort> runner;
  const Costs costs = runner.plan({{"number", 100}});
  CHECK(costs.outputs.at("twice").bytes == 7);
  CHECK(costs.outputs.at("even").bytes == 100);
  CHECK(costs.outputs.at("odd").forwarded == "number");
  CHECK(costs.outputs.at("even").forwarded == std::nullopt);
  runner.option("mode", "none");
  CHECK_THROWS_WITH_AS(runner.plan(), "makes no sense with 'mode: none'", OptionError);
}

TEST_CASE("what a node sends holds the leases of what it was made from") {
  NodeRunner<Sort> runner;
  runner.input("number", Number{3}, 100);
  CHECK(runner.leased() >= 100);
  runner.process().expect_emitted("odd", 1);
  CHECK(runner.leased() >= 100);
  runner.forget();
  CHECK(runner.leased() == 0);
}

TEST_CASE("a node that asks for bytes holds those of what it sends, and nothing of its inputs") {
  NodeRunner<Fill> runner;
  runner.input("number", Number{2}, 100).process();
  CHECK(runner.asked() == 20);
  CHECK(runner.leased() == 2);
  CHECK(runner.most_leased() == 120);
  runner.input("number", Number{3}, 50).process();
  CHECK(runner.asked() == 30);
  CHECK(runner.leased() == 5);
  CHECK(runner.most_leased() == 120);
  runner.forget();
  CHECK(runner.leased() == 0);
}

TEST_CASE("what a node gathered is leased, also by what it sends, until that goes") {
  NodeRunner<Pairs> runner;
  runner.input("title", Text{"a "});
  runner.input("number", Number{2}, 100).process();
  CHECK(runner.leased() == 100);
  runner.input("number", Number{3}, 50).process();
  CHECK(runner.output<Text>("pair").text == "a 2+3");
  CHECK(runner.leased() == 150);
  runner.input("number", Number{4}, 7).process();
  CHECK(runner.leased() == 157);
  runner.forget();
  CHECK(runner.leased() == 7);
}

TEST_CASE("a node that gathers numbers what it emits by itself, also at the end") {
  NodeRunner<Pairs> runner;
  runner.input("title", Text{});
  for (int i = 0; i < 5; ++i) runner.input("number", Number{i}).process();
  runner.finish().expect_emitted("pair", 4);
  std::string all;
  for (std::size_t i = 0; i < 4; ++i)
    all += std::to_string(runner.emissions()[i].index) + ": " + runner.output<Text>("pair", i).text + "; ";
  CHECK(all == "0: 0+1; 1: 2+3; 2: 4; 3: end; ");
}

TEST_CASE("the end of a failed scope") {
  NodeRunner<Pairs> runner;
  runner.input("title", Text{}).input("number", Number{1}).process().fail_scope();
  CHECK(runner.scope().failed());
  CHECK(runner.finish().emitted("pair") == 0);
}

TEST_CASE("what one input gives is made in one call") {
  NodeRunner<Spell> runner;
  runner.input("number", Number{3}).process().expect_emitted("text", 3);
  CHECK(runner.output<Text>("text", 2).text == "2");
}

TEST_CASE("a node that opens scopes gives them with their packets") {
  NodeRunner<Count> runner;
  runner.option("numbers", "2").process();
  CHECK(runner.emitted("number") == 2);
  CHECK(runner.output<Number>("number", 1).value == 1);
  REQUIRE(runner.opened().size() == 2);
  CHECK(runner.opened()[1].name == "scope1");
  CHECK(runner.opened()[1].identity.at("value") == "1");
}

TEST_CASE("a node that gathers scopes is told of each end, and of the run's") {
  NodeRunner<SumAll> runner("slide");
  runner.input("number", Number{4}).process().input("number", Number{5}).process().finish();
  runner.expect_emitted("sum", 0).finish_run({"slide"});
  CHECK(runner.output<Text>("sum").text == "9");
  CHECK(runner.notes() == std::vector<std::string>{"slide ended", "slide is done by 9"});
}

TEST_CASE("a sink writes where the test says") {
  const testing::TemporaryFolder folder;
  NodeRunner<WriteSum> runner("slide");
  runner.option("dir", (folder / "out").string());
  runner.input("number", Number{4}).process().input("number", Number{5}).process().finish();
  int sum = 0;
  std::ifstream(folder / "out/slide.txt") >> sum;
  CHECK(sum == 9);
}

TEST_CASE("what a test gets wrong is said") {
  NodeRunner<Sort> runner;
  CHECK_THROWS_WITH_AS(runner.input("nmber", Number{}), "the node has no input 'nmber'", Failure);
  CHECK_THROWS_WITH_AS(runner.input("number", Text{}),
                       "input 'number' takes testing.number/1, not testing.text/1", Failure);
  CHECK_THROWS_WITH_AS(runner.process(), "input 'number' has no packet", Failure);
  CHECK_THROWS_WITH_AS(runner.emitted("od"), "the node has no output 'od'", Failure);
  runner.input("number", Number{1}).process();
  CHECK_THROWS_WITH_AS(runner.output<Number>("odd", 1), "expected packet 1 on output 'odd', found 1 packets",
                       Failure);
  CHECK_THROWS_WITH_AS(runner.output<Text>("odd"), "output 'odd' does not give testing.text/1", Failure);
  CHECK_THROWS_WITH_AS(runner.expect_emitted("odd", 2), "expected 2 packets on output 'odd', found 1",
                       Failure);
}
