// SPDX-License-Identifier: Apache-2.0
// Nodes to test the runtime with. Boxes stand for slides, items for tiles.
#include <flowrun/plugin.h>
#include <flowrun/wsi/class_mask.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "packets.h"

namespace {

using namespace flowrun;
using namespace flowrun::test;

/// Opens `count` boxes.
struct Boxes : Source {
  int count = 1;
  int fail_at = -1;
  std::int64_t bytes = 0;
  static void describe(Description<Boxes>& d) {
    d.summary("Opens boxes.").scope_output<Box>("box");
    d.option("count", &Boxes::count, "boxes").input_list();
    d.option("fail_at", &Boxes::fail_at, "the box that cannot be opened");
    d.option("bytes", &Boxes::bytes, "of a box");
  }
  void plan(Costs& costs) override { costs.out("box", static_cast<std::size_t>(bytes)); }
  struct All : Generator {
    explicit All(const Boxes& b) : boxes(b) {}
    const Boxes& boxes;
    int next_box = 0;
    std::optional<Work> next() override {
      if (next_box == boxes.count) return {};
      const int number = next_box++;
      const auto open = [this, number](Outputs& out) {
        if (number == boxes.fail_at) throw Error("this box is broken");
        out.emit("box", Box{number});
      };
      return Work{open, NewScope{fmt::format("box{}", number), {{"number", std::to_string(number)}}}};
    }
    std::optional<std::uint64_t> total() const override { return boxes.count; }
  };
  std::unique_ptr<Generator> start(Inputs&) override { return std::make_unique<All>(*this); }
};

/// Unpacks each box into `count` items of `bytes` bytes.
struct Unpack : Source {
  int count = 10;
  std::int64_t bytes = 0;
  std::int64_t extra = 0;
  static void describe(Description<Unpack>& d) {
    d.summary("Unpacks boxes.").input<Box>("box").output<Item>("item");
    d.option("count", &Unpack::count, "items in a box");
    d.option("bytes", &Unpack::bytes, "of an item");
    d.option("extra", &Unpack::extra, "bytes that only the box tells");
  }
  void plan(Costs& costs) override { costs.out("item", static_cast<std::size_t>(bytes)); }
  struct All : Generator {
    All(const Unpack& u, std::shared_ptr<const Box> b) : unpack(u), box(std::move(b)) {}
    const Unpack& unpack;
    std::shared_ptr<const Box> box;
    std::uint64_t next_item = 0;
    std::optional<Work> next() override {
      if (next_item == static_cast<std::uint64_t>(unpack.count)) return {};
      const std::uint64_t value = next_item++;
      return Work{[this, value](Outputs& out) {
        out.emit("item", Item{value, std::vector<char>(static_cast<std::size_t>(unpack.bytes))});
      }};
    }
    std::size_t extra_bytes() const override { return static_cast<std::size_t>(unpack.extra); }
  };
  std::unique_ptr<Generator> start(Inputs& in) override {
    return std::make_unique<All>(*this, in.share<Box>("box"));
  }
};

/// Makes two items of each: 10 v and 10 v + 1.
struct Split : Source {
  int fail_at = -1;
  static void describe(Description<Split>& d) {
    d.summary("Splits items.").input<Item>("item").output<Item>("item");
    d.option("fail_at", &Split::fail_at, "the item that cannot be split");
  }
  struct Halves : Generator {
    explicit Halves(std::uint64_t v) : value(v) {}
    std::uint64_t value;
    std::uint64_t made = 0;
    std::optional<Work> next() override {
      if (made == 2) return {};
      return Work{[half = 10 * value + made++](Outputs& out) { out.emit("item", Item{half, {}}); }};
    }
  };
  std::unique_ptr<Generator> start(Inputs& in) override {
    const std::uint64_t value = in.get<Item>("item").value;
    if (value == static_cast<std::uint64_t>(fail_at)) throw Error("cannot split this item");
    return std::make_unique<Halves>(value);
  }
};

/// Sleeps by a time that depends on the item, so that items overtake each other.
struct Jitter : Node {
  static void describe(Description<Jitter>& d) {
    d.summary("Shuffles.").input<Item>("item").output<Item>("item");
  }
  void plan(Costs& costs) override { costs.forwards("item"); }
  void process(Inputs& in, Outputs& out) override {
    std::this_thread::sleep_for(std::chrono::microseconds(in.get<Item>("item").value * 7919 % 300));
    out.forward("item");
  }
};

struct DropOdd : Node {
  static void describe(Description<DropOdd>& d) {
    d.summary("Drops odd items.").input<Item>("item").output<Item>("item");
  }
  void plan(Costs& costs) override { costs.forwards("item"); }
  void process(Inputs& in, Outputs& out) override {
    if (in.get<Item>("item").value % 2 == 0) out.forward("item");
  }
};

/// Sends odd items another way and says so.
struct Sieve : Node {
  static void describe(Description<Sieve>& d) {
    d.summary("Sieves out odd items.").input<Item>("item").output<Item>("item").output<Item>("odd");
  }
  void plan(Costs& costs) override {
    costs.forwards("item");
    costs.forwards("odd");
  }
  void process(Inputs& in, Outputs& out) override {
    const bool odd = in.get<Item>("item").value % 2 == 1;
    if (odd) out.drop("odd");
    if (in.get<Item>("item").value % 30 == 0) out.note("a round number");
    out.forward(odd ? "odd" : "item");
  }
};

struct FailAt : Node {
  int value = 0;
  static void describe(Description<FailAt>& d) {
    d.summary("Fails at one item.").input<Item>("item").output<Item>("item");
    d.option("value", &FailAt::value, "the item that fails");
  }
  void plan(Costs& costs) override { costs.forwards("item"); }
  void process(Inputs& in, Outputs& out) override {
    if (in.get<Item>("item").value == static_cast<std::uint64_t>(value))
      throw Error("cannot work on this item");
    out.forward("item");
  }
};

/// Adds the values of two items of one index.
struct Add : Node {
  static void describe(Description<Add>& d) {
    d.summary("Adds.").input<Item>("a").input<Item>("b").output<Item>("sum");
  }
  void process(Inputs& in, Outputs& out) override {
    out.emit("sum", Item{in.get<Item>("a").value + in.get<Item>("b").value, {}});
  }
};

/// Gathers `size` items; what is left over comes at the end.
struct Batch : Node {
  int size = 4;
  static void describe(Description<Batch>& d) {
    d.summary("Gathers items.").gathers().input<Item>("item").output<Items>("items");
    d.option("size", &Batch::size, "items in a batch").at_least(1);
  }
  void plan(Costs& costs) override { costs.holds = static_cast<std::size_t>(size - 1); }
  void process(Inputs& in, Outputs& out) override {
    auto& batch = in.state<Items>();
    batch.all.push_back(in.share<Item>("item"));
    if (batch.all.size() == static_cast<std::size_t>(size)) out.emit("items", std::exchange(batch, {}));
  }
  void finish(Inputs& in, Outputs& out) override {
    auto& batch = in.state<Items>();
    if (!batch.all.empty()) out.emit("items", std::move(batch));
  }
};

/// Emits one item for a whole box: how many there were.
struct Total : Node {
  struct Sum {
    std::uint64_t items = 0;
  };
  static void describe(Description<Total>& d) {
    d.summary("Counts items.").gathers().input<Item>("item").output<Item>("total");
  }
  void process(Inputs& in, Outputs&) override { ++in.state<Sum>().items; }
  void finish(Inputs& in, Outputs& out) override {
    out.emit("total", Item{in.state<Sum>().items, {}});
    out.emit("total", Item{in.state<Sum>().items + 1, {}});
  }
};

/// Emits twice on one port, which is a mistake.
struct Twice : Node {
  static void describe(Description<Twice>& d) {
    d.summary("Emits twice.").input<Item>("item").output<Item>("item");
  }
  void process(Inputs&, Outputs& out) override {
    out.forward("item");
    out.forward("item");
  }
};

/// Counts the batches of a box and the items in them, and writes both down.
struct CountBatches : Node {
  std::filesystem::path dir;
  struct Sum {
    std::string text;
  };
  static void describe(Description<CountBatches>& d) {
    d.summary("Counts.").ordered().input<Items>("items");
    d.option("dir", &CountBatches::dir, "folder").required().output_folder();
  }
  void process(Inputs& in, Outputs&) override {
    std::uint64_t sum = 0;
    for (const auto& item : in.get<Items>("items").all) sum += item->value;
    in.state<Sum>().text += fmt::format("{} items, sum {}\n", in.get<Items>("items").all.size(), sum);
  }
  void finish(Inputs& in, Outputs&) override {
    std::ofstream(in.scope().stage(dir, in.scope().name() + ".txt")) << in.state<Sum>().text;
  }
};

/// Writes the values of a box's items, a line each, in their order although it works on them in any.
struct Write : Node {
  std::filesystem::path dir;
  int microseconds = 0;
  struct Lines {
    std::string text;
  };
  static void describe(Description<Write>& d) {
    d.summary("Writes items.").in_order().input<Item>("item").optional_scope_input<Box>("box");
    d.option("dir", &Write::dir, "folder").required().output_folder();
    d.option("microseconds", &Write::microseconds, "that each item takes");
  }
  void process(Inputs& in, Outputs& out) override {
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
    const std::uint64_t value = in.get<Item>("item").value;
    out.in_order([value, &lines = in.state<Lines>()] { lines.text += fmt::format("{}\n", value); });
  }
  void finish(Inputs& in, Outputs&) override {
    std::string text = in.state<Lines>().text;
    if (in.has("box")) text += fmt::format("box {}\n", in.get<Box>("box").number);
    std::ofstream(in.scope().stage(dir, in.scope().name() + ".txt")) << text;
  }
};

/// Keeps memory of its own for a box: `bytes` while it works, half of it after.
struct Keep : Node {
  std::int64_t amount = 0;
  std::int64_t most = 0;
  static void describe(Description<Keep>& d) {
    d.summary("Keeps memory.").input<Box>("box").output<Box>("box");
    d.option("bytes", &Keep::amount, "to keep");
    d.option("most", &Keep::most, "that the plan is told");
  }
  void plan(Costs& costs) override {
    costs.out("box", 0);
    costs.leases = static_cast<std::size_t>(most);
  }
  std::size_t bytes(const Inputs&) const override { return static_cast<std::size_t>(amount); }
  void process(Inputs& in, Outputs& out) override {
    out.keep_leased(static_cast<std::size_t>(amount / 2));
    out.emit("box", Box{in.get<Box>("box").number});
  }
};

/// Holds tiles up, as a slow disk would, or drops every second one.
struct SlowTiles : Node {
  int milliseconds = 0;
  bool drop = false;
  static void describe(Description<SlowTiles>& d) {
    d.summary("Holds tiles up.").input<wsi::Tile>("tile").output<wsi::Tile>("tile");
    d.option("milliseconds", &SlowTiles::milliseconds, "that each tile takes");
    d.option("drop", &SlowTiles::drop, "every second tile");
  }
  void plan(Costs& costs) override { costs.forwards("tile"); }
  void process(Inputs& in, Outputs& out) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    if (!drop || in.index() % 2 == 0) out.forward("tile");
  }
};

/// Squares of two classes in turn, one in each cell of a grid of `count` x `count` over a slide: `side`
/// pixels wide, at a tenth of the cell from its corner.
struct Squares : Node {
  int count = 2;
  int side = 100;
  static void describe(Description<Squares>& d) {
    d.summary("Draws squares on a slide.").input<wsi::Slide>("slide").output<wsi::ClassMask>("classes");
    d.option("count", &Squares::count, "squares in a row");
    d.option("side", &Squares::side, "of a square");
  }
  void plan(Costs& costs) override { costs.out("classes", static_cast<std::size_t>(count * count) * 256); }
  void process(Inputs& in, Outputs& out) override {
    const wsi::SlideFacts& slide = in.get<wsi::Slide>("slide").facts();
    const auto corner = [&](std::int64_t whole, int cell) {
      return static_cast<double>(whole / count * cell + whole / count / 10);
    };
    std::vector<wsi::Region> regions;
    for (int i = 0; i < count * count; ++i) {
      const double x = corner(slide.width(), i % count), y = corner(slide.height(), i / count);
      const std::vector<cv::Point2d> ring{{x, y}, {x + side, y}, {x + side, y + side}, {x, y + side}};
      regions.push_back({static_cast<std::uint8_t>(1 + i % 2), {ring}});
    }
    out.emit("classes", wsi::ClassMask({{"tumor", 1, {200, 0, 0}}, {"a, b", 2, {0, 100, 255}}},
                                       std::move(regions), slide.width(), slide.height()));
  }
};

/// Does nothing, to measure what the runtime itself takes.
struct Pass : Node {
  static void describe(Description<Pass>& d) {
    d.summary("Passes on.").input<Item>("item").output<Item>("item");
  }
  void plan(Costs& costs) override { costs.forwards("item"); }
  void process(Inputs&, Outputs& out) override { out.forward("item"); }
};
struct Sink : Node {
  static void describe(Description<Sink>& d) { d.summary("Swallows.").input<Item>("item"); }
  void process(Inputs&, Outputs&) override {}
};

}  // namespace

FLOWRUN_PLUGIN("test", "1.0.0", registry) {
  registry.node<Boxes>("boxes")
      .node<Unpack>("unpack")
      .node<Jitter>("jitter")
      .node<DropOdd>("drop_odd")
      .node<Sieve>("sieve")
      .node<Split>("split")
      .node<FailAt>("fail_at");
  registry.node<Add>("add")
      .node<Batch>("batch")
      .node<CountBatches>("count_batches")
      .node<Write>("write")
      .node<Keep>("keep");
  registry.node<Total>("total")
      .node<Twice>("twice")
      .node<SlowTiles>("slow_tiles")
      .node<Squares>("squares")
      .node<Pass>("pass")
      .node<Sink>("sink");
}
