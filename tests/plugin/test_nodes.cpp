// SPDX-License-Identifier: Apache-2.0
// Nodes to test the runtime with. Boxes stand for slides, items for tiles.
#include <flowrun/plugin.h>
#include <flowrun/wsi/class_mask.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>
#include <vector>

#include "packets.h"

namespace {

using namespace flowrun;
using namespace flowrun::test;

/// Opens `count` boxes.
struct Boxes : Open {
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
  Scopes open(Inputs&) override {
    const auto next = [this, at = 0]() mutable -> std::optional<NewScope> {
      if (at == count) return {};
      const int number = at++;
      const auto make = [this, number](Outputs& out) {
        if (number == fail_at) throw Error("this box is broken");
        out.emit("box", Box{number});
      };
      const auto weight = static_cast<std::uint64_t>(number + 1);
      return NewScope{fmt::format("box{}", number), {{"number", std::to_string(number)}}, make, weight};
    };
    return {next, static_cast<std::uint64_t>(count)};
  }
};

/// Unpacks each box into `count` items of `bytes` bytes; of none, where nobody needs them.
struct Unpack : Make {
  int count = 10;
  std::int64_t bytes = 0;
  bool wanted = true;
  std::int64_t extra = 0;
  static void describe(Description<Unpack>& d) {
    d.summary("Unpacks boxes.").input<Box>("box").output<Item>("item");
    d.option("count", &Unpack::count, "items in a box");
    d.option("bytes", &Unpack::bytes, "of an item");
    d.option("extra", &Unpack::extra, "bytes that only the box tells");
  }
  void plan(Costs& costs) override {
    costs.out("item", static_cast<std::size_t>(bytes));
    wanted = costs.wanted("item");
    if (!wanted) costs.omits("item");
  }
  Packets make(Inputs& in) override {
    const auto make_item = [this, box = in.share<Box>("box")](std::uint64_t value, Outputs& out) {
      out.emit("item", Item{value, std::vector<char>(static_cast<std::size_t>(wanted ? bytes : 0))});
    };
    Packets items(static_cast<std::uint64_t>(count), make_item);
    items.total = {};
    items.extra_bytes = static_cast<std::size_t>(extra);
    return items;
  }
};

/// Makes two items of each: 10 v and 10 v + 1.
struct Split : Make {
  int fail_at = -1;
  static void describe(Description<Split>& d) {
    d.summary("Splits items.").input<Item>("item").output<Item>("item");
    d.option("fail_at", &Split::fail_at, "the item that cannot be split");
  }
  Packets make(Inputs& in) override {
    const std::uint64_t value = in.get<Item>("item").value;
    if (value == static_cast<std::uint64_t>(fail_at)) throw Error("cannot split this item");
    return {2, [value](std::uint64_t half, Outputs& out) { out.emit("item", Item{10 * value + half, {}}); }};
  }
};

/// Sleeps by a time that depends on the item, so that items overtake each other.
struct Jitter : Map {
  static void describe(Description<Jitter>& d) {
    d.summary("Shuffles.").input<Item>("item").output<Item>("item");
  }
  void plan(Costs& costs) override { costs.forwards("item"); }
  void process(Inputs& in, Outputs& out) override {
    std::this_thread::sleep_for(std::chrono::microseconds(in.get<Item>("item").value * 7919 % 300));
    out.forward("item");
  }
};

struct DropOdd : Map {
  static void describe(Description<DropOdd>& d) {
    d.summary("Drops odd items.").input<Item>("item").output<Item>("item");
  }
  void plan(Costs& costs) override { costs.forwards("item"); }
  void process(Inputs& in, Outputs& out) override {
    if (in.get<Item>("item").value % 2 == 0) out.forward("item");
  }
};

/// Sends odd items another way and says so.
struct Sieve : Map {
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

struct FailAt : Map {
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
struct Add : Map {
  static void describe(Description<Add>& d) {
    d.summary("Adds.").input<Item>("a").input<Item>("b").output<Item>("sum");
  }
  void process(Inputs& in, Outputs& out) override {
    out.emit("sum", Item{in.get<Item>("a").value + in.get<Item>("b").value, {}});
  }
};

/// Gathers `size` items; what is left over comes at the end.
struct Batch : Gather {
  int size = 4;
  static void describe(Description<Batch>& d) {
    d.summary("Gathers items.").input<Item>("item").output<Items>("items");
    d.option("size", &Batch::size, "items in a batch").at_least(1);
  }
  void plan(Costs& costs) override {
    costs.holds = static_cast<std::size_t>(size - 1);
    costs.out("items", static_cast<std::size_t>(size) * costs.in("item"));
  }
  void process(Inputs& in, Outputs& out) override {
    auto& batch = in.state<Items>();
    batch.all.push_back(in.share<Item>("item"));
    if (batch.all.size() == static_cast<std::size_t>(size)) out.emit("items", std::exchange(batch, {}));
  }
  Packets finish(Inputs& in, Outputs&) override {
    if (in.state<Items>().all.empty()) return {};
    return {1,
            [rest = std::move(in.state<Items>())](std::uint64_t, Outputs& out) { out.emit("items", rest); }};
  }
};

/// Emits two items for a whole box: how many there were, and one more.
struct Total : Gather {
  struct Sum {
    std::uint64_t items = 0;
  };
  static void describe(Description<Total>& d) {
    d.summary("Counts items.").input<Item>("item").output<Item>("total");
  }
  void process(Inputs& in, Outputs&) override { ++in.state<Sum>().items; }
  Packets finish(Inputs& in, Outputs&) override {
    const std::uint64_t items = in.state<Sum>().items;
    return {2, [items](std::uint64_t more, Outputs& out) { out.emit("total", Item{items + more, {}}); }};
  }
};

/// Emits twice on one port, which is a mistake.
struct Twice : Map {
  static void describe(Description<Twice>& d) {
    d.summary("Emits twice.").input<Item>("item").output<Item>("item");
  }
  void process(Inputs&, Outputs& out) override {
    out.forward("item");
    out.forward("item");
  }
};

/// Counts the batches of a box and the items in them, and writes both down.
struct CountBatches : flowrun::Write {
  std::filesystem::path dir;
  struct Sum {
    std::string text;
  };
  static void describe(Description<CountBatches>& d) {
    d.summary("Counts.").input<Items>("items");
    d.option("dir", &CountBatches::dir, "folder").required().output_folder();
  }
  Action process(Inputs& in, Outputs&) override {
    const auto& items = in.get<Items>("items").all;
    std::uint64_t values = 0;
    for (const auto& item : items) values += item->value;
    return [line = fmt::format("{} items, sum {}\n", items.size(), values), &sum = in.state<Sum>()] {
      sum.text += line;
    };
  }
  void finish(Inputs& in, Outputs&) override {
    std::ofstream(in.scope().stage(dir, in.scope().name() + ".txt")) << in.state<Sum>().text;
  }
};

/// Writes the values of a box's items, a line each, in their order although it works on them in any.
struct WriteItems : flowrun::Write {
  std::filesystem::path dir;
  int microseconds = 0;
  bool looks = true;
  struct Lines {
    std::string text;
  };
  static void describe(Description<WriteItems>& d) {
    d.summary("Writes items.").input<Item>("item").optional_scope_input<Box>("box");
    d.option("dir", &WriteItems::dir, "folder").required().output_folder();
    d.option("microseconds", &WriteItems::microseconds, "that each item takes");
    d.option("looks", &WriteItems::looks, "at items' bytes");
  }
  bool needs_content(std::string_view, const Costs&) const override { return looks; }
  Action process(Inputs& in, Outputs&) override {
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
    const std::uint64_t value = in.get<Item>("item").value;
    return [value, &lines = in.state<Lines>()] { lines.text += fmt::format("{}\n", value); };
  }
  void finish(Inputs& in, Outputs&) override {
    std::string text = in.state<Lines>().text;
    if (in.has("box")) text += fmt::format("box {}\n", in.get<Box>("box").number);
    std::ofstream(in.scope().stage(dir, in.scope().name() + ".txt")) << text;
  }
};

/// Keeps memory of its own for a box: `bytes` while it works, half of it after.
struct Keep : Map {
  std::int64_t amount = 0;
  std::int64_t most = 0;
  static void describe(Description<Keep>& d) {
    d.summary("Keeps memory.").input<Box>("box").output<Box>("box");
    d.option("bytes", &Keep::amount, "to keep");
    d.option("most", &Keep::most, "that the plan is told");
  }
  void plan(Costs& costs) override {
    costs.out("box", static_cast<std::size_t>(most / 2));
    costs.scratch = static_cast<std::size_t>(most - most / 2);
  }
  CallBytes bytes(const Inputs&) const override {
    return {static_cast<std::size_t>(amount / 2), static_cast<std::size_t>(amount - amount / 2)};
  }
  void process(Inputs& in, Outputs& out) override { out.emit("box", Box{in.get<Box>("box").number}); }
};

/// Holds tiles up, as a slow disk would, or drops every second one.
struct SlowTiles : Map {
  int milliseconds = 0;
  std::filesystem::path until;
  bool drop = false;
  static void describe(Description<SlowTiles>& d) {
    d.summary("Holds tiles up.").input<wsi::Tile>("tile").output<wsi::Tile>("tile");
    d.option("milliseconds", &SlowTiles::milliseconds, "that each tile takes");
    d.option("until", &SlowTiles::until, "file that each tile waits for, if given");
    d.option("drop", &SlowTiles::drop, "every second tile");
  }
  void plan(Costs& costs) override { costs.forwards("tile"); }
  void process(Inputs& in, Outputs& out) override {
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
    while (!until.empty() && !std::filesystem::exists(until))
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (!drop || in.index() % 2 == 0) out.forward("tile");
  }
};

/// Squares of two classes in turn, one in each cell of a grid of `count` x `count` over a slide: `side`
/// pixels wide, at a tenth of the cell from its corner.
struct Squares : Map {
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
struct Pass : Map {
  static void describe(Description<Pass>& d) {
    d.summary("Passes on.").input<Item>("item").output<Item>("item");
  }
  bool needs_content(std::string_view, const Costs& costs) const override { return costs.wanted("item"); }
  void plan(Costs& costs) override { costs.forwards("item"); }
  void process(Inputs&, Outputs& out) override { out.forward("item"); }
};
/// Says that it takes so many MiB of a device that there need not be.
struct OnDevice : Map {
  std::string device = "fake:0";
  int all = 1000, free = 800, fixed = 0, per_sample = 0, batch = 0;
  static void describe(Description<OnDevice>& d) {
    d.summary("Passes on.").input<Item>("item").output<Item>("item");
    d.option("device", &OnDevice::device, "its name");
    d.option("all", &OnDevice::all, "that it has");
    d.option("free", &OnDevice::free, "of these");
    d.option("fixed", &OnDevice::fixed, "taken whatever the batch");
    d.option("per_sample", &OnDevice::per_sample, "taken besides");
    d.option("batch", &OnDevice::batch, "samples at once");
  }
  void plan(Costs& costs) override {
    const auto mebibytes = [](int count) { return static_cast<std::size_t>(count) << 20; };
    costs.forwards("item");
    costs.on_device = {device,
                       mebibytes(all),
                       mebibytes(free),
                       mebibytes(fixed),
                       mebibytes(per_sample),
                       static_cast<std::size_t>(batch),
                       [this](std::size_t limit) { bound = limit; }};
  }
  void process(Inputs&, Outputs& out) override {
    out.note("the device may take " + std::to_string(bound >> 20) + " MiB");
    out.forward("item");
  }
  std::size_t bound = 0;
};
struct Sink : Map {
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
      .node<WriteItems>("write")
      .node<Keep>("keep");
  registry.node<Total>("total")
      .node<Twice>("twice")
      .node<SlowTiles>("slow_tiles")
      .node<Squares>("squares")
      .node<Pass>("pass")
      .node<OnDevice>("on_device")
      .node<Sink>("sink");
}
