// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "nodes/synth/synth.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::test;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Nodes that cut the slides of a folder into labelled tiles, scaled down from level 0.
std::string cutting(const std::filesystem::path& folder) {
  return fmt::format(R"(
  slides: {{type: read, path: "{0}/*.svs"}}
  classes: {{type: mask, from: slides, annotations: "{0}/{{slide}}.xml"}}
  cut: {{type: extract, from: {{slide: slides, classes: classes}}, size: 64, mpp: 1.3, min_class_coverage: 0.6}}
)",
                     folder.string());
}

/// Two slides with annotations, the tiles cut from them as PNG files, and one table of all tiles.
struct TileCohort {
  TemporaryFolder folder;
  std::size_t tiles = 0;

  TileCohort() {
    for (const std::uint64_t seed : {1, 2}) {
      wsi::SynthOptions options;
      options.width = 2600;
      options.height = 1900;
      options.seed = seed;
      options.annotations = folder / fmt::format("s{}.xml", seed);
      wsi::write_synthetic_slide(folder / fmt::format("s{}.svs", seed), options);
    }
    const RunResult result = run_text(
        "flowrun: 1\nnodes:" + cutting(folder.path()) +
        fmt::format("  files: {{type: save, from: cut, dir: \"{}/tiles\"}}\n", folder.path().string()));
    REQUIRE(result.exit == Exit::done);
    std::string table;
    for (const char* slide : {"s1", "s2"}) {
      const auto lines = lines_of(read_file(folder / fmt::format("tiles/{}/tiles.csv", slide)));
      if (table.empty()) table = lines.front() + "\n";
      for (std::size_t i = 1; i < lines.size(); ++i, ++tiles)
        table += fmt::format("{}/{}\n", slide, lines[i]);
    }
    write_file(folder / "tiles/all.csv", table);
  }
};

const TileCohort& cohort() {
  static const TileCohort made;
  return made;
}

/// What the epochs of a graph list, and what became of the run.
struct Listing {
  TemporaryFolder out;
  RunResult result;
  std::map<std::string, std::string> epochs;
};

/// `source`: nodes with one called epochs.
std::unique_ptr<Listing> list(const std::string& source, const std::string& head = "threads: 2",
                              const std::string& load = "size: 64") {
  auto listing = std::make_unique<Listing>();
  listing->result = run_text(fmt::format(R"(flowrun: 1
{}
nodes:{}
  samples: {{type: load, from: epochs, {}}}
  list: {{type: list_samples, from: samples, dir: "{}"}}
)",
                                         head, source, load, listing->out.path().string()));
  listing->epochs = outputs_in(listing->out.path());
  return listing;
}

std::string epochs_of(const std::string& options) {
  return fmt::format("\n  epochs: {{type: epochs, {}}}", options);
}

}  // namespace

TEST_CASE(
    "tile files, places in slides and what was gathered in the graph are the same samples on any number of "
    "threads") {
  const std::string folder = cohort().folder.path().string();
  const std::string drawn = "validation: 0.5, seed: 3, count: 3, open_slides: 2";
  const std::string files = epochs_of(fmt::format("train_csv: {}/tiles/all.csv, {}", folder, drawn));
  const std::string places =
      epochs_of(fmt::format("train_csv: {0}/tiles/all.csv, slides: \"{0}/*.svs\", {1}", folder, drawn));
  const std::string gathered = cutting(folder) +
                               "  places: {type: index, from: cut}\n"
                               "  epochs: {type: epochs, from: places, " +
                               drawn + "}";
  const auto expected = list(files, "threads: 1");
  REQUIRE(expected->result.exit == Exit::done);
  REQUIRE(expected->epochs.size() == 3);
  CHECK(lines_of(expected->epochs.at("epoch-0000.txt")).size() == cohort().tiles);
  for (const char* head : {"threads: 1\nmemory: 128 MiB", "threads: 2", "threads: 8"})
    for (const std::string& source : {files, places, gathered}) {
      CAPTURE(head);
      CAPTURE(source);
      const auto listing = list(source, head);
      CHECK(listing->result.exit == Exit::done);
      CHECK(listing->result.peak_leased <= listing->result.memory);
      CHECK(listing->epochs == expected->epochs);
    }
}

TEST_CASE("tiles whose pixels no node looks at are not read, and weigh nothing") {
  const auto lease = [](const std::string& after) {
    TemporaryFolder out;
    const LoadedPlan loaded = plan_text(fmt::format(R"(flowrun: 1
memory: 4 GiB
nodes:
  slides: {{type: read, path: s.svs}}
  tiles: {{type: extract, from: slides, size: 1000}}
{}
)",
                                                    fmt::format(fmt::runtime(after), out.path().string())));
    for (const PlanNode& node : loaded.plan.nodes)
      if (node.name == "tiles") return node.lease;
    return std::size_t{0};
  };
  for (const char* after :
       {"  files: {{type: save_h5, from: tiles, dir: {}}}",
        "  files: {{type: save_geojson, from: tiles, dir: {}}}",
        "  files: {{type: save, from: tiles, dir: {}, format: none}}",
        "  all: {{type: index, from: tiles}} # {}",
        "  good: {{type: filter, from: tiles}}\n  files: {{type: save_h5, from: good.tile, dir: {}}}"}) {
    CAPTURE(after);
    CHECK(lease(after) < 20000);
  }
  for (const char* after : {"  files: {{type: save_h5, from: tiles, dir: {}, pixels: true}}",
                            "  files: {{type: save, from: tiles, dir: {}, format: jpg}}",
                            "  good: {{type: filter, from: tiles, max_white: 0.5}}\n  files: {{type: "
                            "save_h5, from: good.tile, dir: {}}}"}) {
    CAPTURE(after);
    CHECK(lease(after) > 3000000);
  }
}

TEST_CASE("each epoch has every training sample once in an order of its own, then the validation samples") {
  const auto listing = list(epochs_of(fmt::format("train_csv: {}/tiles/all.csv, validation: 0.5, count: 3",
                                                  cohort().folder.path().string())));
  std::set<std::string> orders;
  std::map<std::string, std::multiset<std::string>> parts;  // by epoch and part
  std::map<std::string, std::set<std::string>> slides;      // by part
  std::string validation;
  for (const auto& [name, text] : listing->epochs) {
    std::string order, held_out, last = "training";
    for (const std::string& line : lines_of(text)) {
      std::istringstream fields(line);
      std::string index, epoch, part, slide, place;
      fields >> index >> epoch >> part >> slide;
      std::getline(fields, place);
      CHECK((part == last || last == "training"));
      last = part;
      parts[epoch + part].insert(slide + place);
      slides[part].insert(slide);
      (part == "training" ? order : held_out) += slide + place;
    }
    orders.insert(order);
    if (validation.empty()) validation = held_out;
    CHECK(held_out == validation);
  }
  CHECK(orders.size() == 3);
  CHECK(parts["0training"] == parts["2training"]);
  CHECK(parts["0training"].size() + parts["0validation"].size() == cohort().tiles);
  CHECK(std::set<std::string>(parts["0training"].begin(), parts["0training"].end()).size() ==
        parts["0training"].size());
  CHECK(slides["training"].size() == 1);
  CHECK(slides["validation"].size() == 1);
  CHECK(slides["training"] != slides["validation"]);
}

TEST_CASE("done epochs are skipped; other samples are other epochs") {
  TemporaryFolder out;
  const auto with = [&](const std::string& table) {
    const RunResult result = run_text(fmt::format(R"(flowrun: 1
nodes:
  epochs: {{type: epochs, train_csv: {}, count: 2}}
  samples: {{type: load, from: epochs, size: 64}}
  list: {{type: list_samples, from: samples, dir: "{}"}}
)",
                                                  table, (out / "out").string()));
    return fmt::format("{}, {}", to_string(result.scopes.at(0).status),
                       to_string(result.scopes.at(1).status));
  };
  const std::string folder = cohort().folder.path() / "tiles";
  const std::string table = out / "train.csv";
  const auto lines = lines_of(read_file(folder + "/all.csv"));
  const auto write = [&](std::size_t rows) {
    std::string text = lines.front() + "\n";
    for (std::size_t i = 1; i <= rows; ++i) text += folder + "/" + lines.at(i) + "\n";
    write_file(table, text);
  };
  write(lines.size() - 1);
  CHECK(with(table) == "done, done");
  CHECK(with(table) == "done before, done before");
  write(lines.size() - 2);
  CHECK(with(table) == "done, done");
}

TEST_CASE(
    "a sample that is missing, cut off or of another size is an error of its row and gets no substitute") {
  TemporaryFolder folder;
  const std::string tiles = cohort().folder.path() / "tiles";
  const auto lines = lines_of(read_file(tiles + "/all.csv"));
  const auto image = [&](std::size_t row) {
    return tiles + "/" + lines.at(row).substr(0, lines.at(row).find(','));
  };
  const std::string whole = read_file(image(1));
  write_file(folder / "short.png", whole.substr(0, whole.size() / 2));
  std::string flipped = whole;
  flipped[whole.size() / 2] = static_cast<char>(~flipped[whole.size() / 2]);
  write_file(folder / "flipped.png", flipped);
  write_file(folder / "text.png", "this is no picture");
  write_file(folder / "empty.png", "");
  const std::string table =
      fmt::format("path,label\n{},a\nshort.png,a\n{},b\nflipped.png,a\ngone.png,b\ntext.png,b\nempty.png,b\n",
                  image(1), image(2));
  write_file(folder / "train.csv", table);
  const std::string source =
      epochs_of(fmt::format("train_csv: {}, count: 1", (folder / "train.csv").string()));

  const auto skipped = list(source, "threads: 2", "size: 64, on_error: skip");
  CHECK(skipped->result.exit == Exit::done_with_skips);
  CHECK(lines_of(skipped->epochs.at("epoch-0000.txt")).size() == 2);
  std::string said;
  for (const RunFailure& failure : skipped->result.failures) said += failure.message + "\n";
  CHECK(skipped->result.failures.size() == 5);
  for (const std::string& expected :
       {fmt::format("{0}/train.csv:3: {0}/short.png: broken PNG: ", folder.path().string()),
        fmt::format("{0}/train.csv:5: {0}/flipped.png: broken PNG: ", folder.path().string()),
        fmt::format("{0}/train.csv:6: {0}/gone.png: No such file or directory", folder.path().string()),
        fmt::format("{0}/train.csv:7: {0}/text.png: neither PNG nor JPEG", folder.path().string()),
        fmt::format("{0}/train.csv:8: {0}/empty.png: the file is empty", folder.path().string())})
    CHECK_MESSAGE(said.find(expected) != std::string::npos, expected << "\nin\n" << said);

  const auto failed = list(source);
  CHECK(failed->result.exit == Exit::failed);
  CHECK(failed->result.failures.size() == 1);
  CHECK(failed->epochs.empty());

  const auto larger = list(source, "threads: 2", "size: 32, on_error: skip");
  CHECK(larger->result.failures.size() == 7);
  CHECK(std::ranges::count_if(larger->result.failures, [](const RunFailure& failure) {
          return failure.message.find("expected 32 x 32") != std::string::npos;
        }) == 4);
}

TEST_CASE("slides that are both trained and validated with are warned of, and only they") {
  TemporaryFolder folder;
  const auto warned = [&](const std::string& validated) {
    write_file(folder / "train.csv", "slide,x,y,label\ns1,300,300,a\ns1,600,300,b\n");
    write_file(folder / "val.csv", fmt::format("slide,x,y,label\n{},900,300,a\n", validated));
    const auto listing = list(epochs_of(
        fmt::format("train_csv: {0}/train.csv, val_csv: {0}/val.csv, slides: \"{1}/*.svs\", count: 1",
                    folder.path().string(), cohort().folder.path().string())));
    REQUIRE(listing->result.exit == Exit::done);
    const std::string said = to_json(listing->result.scopes.front()).dump();
    return said.find("samples to train and to validate with share 1 slide (s1): validation does not show") !=
           std::string::npos;
  };
  CHECK(warned("s1"));
  CHECK(!warned("s2"));
}

TEST_CASE("a table of no use ends the run with what is wrong in it") {
  TemporaryFolder folder;
  const auto said = [&](const std::string& table, const std::string& options = "count: 1") {
    write_file(folder / "t.csv", table);
    const auto listing =
        list(epochs_of(fmt::format("train_csv: {}, {}", (folder / "t.csv").string(), options)));
    CHECK(listing->result.exit == Exit::failed);
    REQUIRE(listing->result.failures.size() == 1);
    std::string message = listing->result.failures[0].message;
    for (const std::string place = folder.path().string() + "/"; message.starts_with(place);)
      message = message.substr(place.size());
    return message;
  };
  CHECK(said("") == "t.csv: the table is empty");
  CHECK(said("path,label\n") == "t.csv: the table has no sample");
  CHECK(said("path,class\na.png,x\n") == "t.csv:1: there is no column 'label'; the columns are path, class");
  CHECK(said("path,label\na.png,x\nb.png,\n") == "t.csv:3: the sample has no label");
  CHECK(said("path,label\na.png,x\nb.png,x\n") ==
        "a classifier tells two classes or more apart, but all samples are of class 'x'");
  CHECK(said("path,label\na.png,0\nb.png,1\nc.png,7\n", "classes: [0, 1]") ==
        "t.csv:4: label '7' is none of the classes 0, 1");
  CHECK(said("path,label\na.png,0\nb.png,1\n", "classes: [0, 1, 2]") ==
        "class '2' has no sample for training");
  CHECK(said("path,label\na.png,0\nb.png,1\n", "validation: 0.2") ==
        "t.csv:2: the sample has no slide, by which validation is split off; add the column 'slide'");
  CHECK(said("path,label,weight\na.png,0,0\nb.png,1,0\n", "sampling: weighted") ==
        "all samples to train with have weight 0");
  CHECK(said("path,label,weight\na.png,0,-1\nb.png,1,0\n") ==
        "t.csv:2: 'weight': expected 0 to 1000000000000, found -1");
  CHECK(said("slide,x,label\na.svs,0,0\n") ==
        "t.csv:1: there is no column 'y'; the columns are slide, x, label");
  CHECK(said("slide,x,y,label\na,0,0,0\n",
             fmt::format("slides: \"{}/*.svs\"", cohort().folder.path().string())) ==
        "t.csv:2: none of the 2 slides is 'a'");
}

TEST_CASE("samples need one source, and validation at most one") {
  const auto mistake = [](const std::string& source) -> std::string {
    try {
      plan_text("flowrun: 1\nnodes:" + source);
    } catch (const GraphError& problem) {
      return problem.what();
    }
    return "fine";
  };
  CHECK(mistake(epochs_of("count: 1")).find("'train_csv': there are no samples") != std::string::npos);
  CHECK(mistake(epochs_of("train_csv: a, val_csv: b, validation: 0.1"))
            .find("samples to validate with are given twice") != std::string::npos);
  CHECK(mistake(cutting("x") +
                "  places: {type: index, from: cut}\n  epochs: {type: epochs, from: places, train_csv: a}")
            .find("samples come from the graph and from a table") != std::string::npos);
}

TEST_CASE("batches need memory for all their samples at once; without it the graph is refused") {
  const std::string source =
      epochs_of(fmt::format("train_csv: {}/tiles/all.csv, count: 2", cohort().folder.path().string()));
  const auto graph = [&](const std::string& memory, int batch) {
    return fmt::format(R"(flowrun: 1
memory: {}
nodes:{}
  samples: {{type: load, from: epochs, size: 64}}
  varied: {{type: augment, from: samples, stain: 0.1}}
  batches: {{type: to_tensor, from: varied, batch: {}}}
)",
                       memory, source, batch);
  };
  CHECK_THROWS_WITH_AS(
      plan_text(graph("4 MiB", 32)),
      doctest::Contains("'batches' may hold 31 tiles x 144 KiB = 4.4 MiB while one more is made"),
      GraphError);
  const RunResult result = run_text(graph("8 MiB", 32));
  CHECK(result.exit == Exit::done);
  CHECK(result.peak_leased <= result.memory);
  CHECK(node(result, "batches").in == 2 * cohort().tiles);
}
