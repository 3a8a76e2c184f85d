// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/error.h>

#include <algorithm>

#include "nodes/collect/collect_plan.h"
#include "nodes/collect/journal.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi::collect;
using namespace flowrun::test;

namespace {

struct Folders : TemporaryFolder {
  Folders() {
    for (const char* folder : {"in", "out", "logs"}) std::filesystem::create_directories(path() / folder);
  }
  void add(const std::string& file, const std::string& content) const {
    std::filesystem::create_directories((path() / file).parent_path());
    write_file(path() / file, content);
  }
  TreeOptions options() const {
    return {path() / "in", {path() / "out", path() / "logs"}, default_extensions()};
  }
  /// Each step as "from > to", duplicates as "from = to", folders as "-from", deleted files as "!from".
  std::string plan(bool delete_others = false) const {
    TreeOptions with = options();
    with.delete_others = delete_others;
    wsi::collect::Plan plan{path() / "in", path() / "out", path() / "logs"};
    std::vector<Remark> failures;
    add_operations(plan, look_through(with), delete_others, failures);
    CHECK(failures.empty());
    std::string out;
    for (const Operation& o : plan.operations) {
      out += out.empty() ? "" : ", ";
      if (o.kind == Operation::Kind::move) out += o.from + " > " + (o.log ? "logs/" : "") + o.to;
      if (o.kind == Operation::Kind::duplicate) out += o.from + " = " + (o.log ? "logs/" : "") + o.to;
      if (o.kind == Operation::Kind::erase) out += "!" + o.from;
      if (o.kind == Operation::Kind::remove_folder) out += "-" + o.from;
    }
    return out;
  }
  std::string left() const {
    std::string out;
    for (const Remark& one : look_through(options()).left) out += one.path + ": " + one.text + "\n";
    return out;
  }
};

}  // namespace

TEST_CASE("collect: one name, the same content, other content") {
  const Folders folders;
  folders.add("in/a/x.svs", "1");
  folders.add("in/b/x.svs", "2");
  folders.add("in/c/x.svs", "1");
  folders.add("in/d/x.svs", "2");
  CHECK(folders.plan() ==
        "a/x.svs > x.svs, b/x.svs > b_x.svs, c/x.svs = x.svs, d/x.svs = b_x.svs, -a, -b, -c, -d");
}

TEST_CASE("collect: what stands in the target counts the same way") {
  const Folders folders;
  folders.add("out/x.svs", "0");
  folders.add("out/a_x.svs", "1");
  folders.add("in/a/x.svs", "1");
  folders.add("in/b/x.svs", "0");
  folders.add("in/c/x.svs", "2");
  CHECK(folders.plan() == "a/x.svs = a_x.svs, b/x.svs = x.svs, c/x.svs > c_x.svs, -a, -b, -c");
}

TEST_CASE("collect: a MIRAX slide and its folder keep one name") {
  const Folders folders;
  folders.add("in/a/x.mrxs", "1");
  folders.add("in/a/x/Data.dat", "1");
  folders.add("in/b/x.mrxs", "1");
  folders.add("in/b/x/Data.dat", "2");
  folders.add("in/c/x.mrxs", "1");
  folders.add("in/c/x/Data.dat", "1");
  folders.add("in/d/y.mrxs", "1");
  CHECK(folders.plan() ==
        "a/x > x, a/x.mrxs > x.mrxs, b/x > b_x, b/x.mrxs > b_x.mrxs, c/x/Data.dat = x/Data.dat, -c/x, "
        "c/x.mrxs = x.mrxs, -a, -b, -c");
  CHECK(folders.left() == "d/y.mrxs: a MIRAX slide without the folder of its name\n");
}

TEST_CASE("collect: logs, and a folder of logs with a slide in it") {
  const Folders folders;
  folders.add("in/a/logs/x.parcel", "1");
  folders.add("in/b/run.LOG", "1");
  folders.add("in/c/logs/deep/x.svs", "1");
  folders.add("in/c/logs/x.log", "1");
  CHECK(
      folders.plan() ==
      "a/logs > logs/a_logs, b/run.LOG > logs/run.LOG, c/logs/deep/x.svs > x.svs, c/logs/x.log > logs/x.log, "
      "-a, -b, -c/logs/deep, -c/logs, -c");
}

TEST_CASE("collect: others are deleted only when asked for, parts of slides never") {
  const Folders folders;
  folders.add("in/a/note.txt", "1");
  folders.add("in/a/x.svs", "1");
  folders.add("in/b/y.vms", "1");
  folders.add("in/b/y(0,1).jpg", "1");
  folders.add("in/c/Slidedat.ini", "1");
  folders.add("in/c/Data0000.dat", "1");
  folders.add("in/.hidden/note.txt", "1");
  std::filesystem::create_directories(folders / "in/empty");
  std::filesystem::create_symlink("a/x.svs", folders / "in/z.svs");
  CHECK(folders.plan() == "a/x.svs > x.svs");
  CHECK(folders.plan(true) == "a/x.svs > x.svs, !a/note.txt, -a");
  CHECK(folders.left().find("b/y(0,1).jpg: beside a .vms, .vmu or .dcm slide") != std::string::npos);
  CHECK(folders.left().find("c/Data0000.dat: part of a MIRAX slide") != std::string::npos);
  CHECK(folders.left().find(".hidden: a hidden folder") != std::string::npos);
  CHECK(folders.left().find("z.svs: a symbolic link") != std::string::npos);
}

TEST_CASE("collect: targets within the source are not looked into") {
  const Folders folders;
  folders.add("in/a/x.svs", "1");
  folders.add("in/logs/out/y.svs", "1");
  folders.add("in/b/z/Data.dat", "1");
  folders.add("in/b/z.mrxs", "1");
  TreeOptions options = folders.options();
  options.outputs = {folders / "in/logs/out", folders / "in/b/z/deep"};
  std::string units;
  for (const Unit& unit : look_through(options).units) units += unit.path + " ";
  CHECK(units == "a/x.svs ");
}

TEST_CASE("collect: a plan as text comes back byte by byte") {
  wsi::collect::Plan plan{"/in %", "/out \xff", "/logs \xc3\xa4\n"};
  plan.made = {"/out \xff"};
  plan.operations = {
      {Operation::Kind::move, false, "a/\xff%41\n.svs", "\xc3\xa4 %.svs", true},
      {Operation::Kind::duplicate, true, "..x/b.log", "b.log", false, 0640, 1234567890123456789},
      {Operation::Kind::erase, false, "c", "", false, 0, -5, 1ull << 40},
      {Operation::Kind::remove_folder, false, "a", "", false, 02755}};
  const wsi::collect::Plan back = plan_from(to_text(plan));
  CHECK(to_text(back) == to_text(plan));
  CHECK(back.source == plan.source);
  CHECK(back.slides == plan.slides);
  CHECK(back.logs == plan.logs);
  CHECK(back.made == plan.made);
  REQUIRE(back.operations.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(back.operations[i].kind == plan.operations[i].kind);
    CHECK(back.operations[i].from == plan.operations[i].from);
    CHECK(back.operations[i].to == plan.operations[i].to);
    CHECK(back.operations[i].mode == plan.operations[i].mode);
    CHECK(back.operations[i].modified == plan.operations[i].modified);
    CHECK(back.operations[i].bytes == plan.operations[i].bytes);
  }
}

TEST_CASE("collect: a plan that is damaged or leads elsewhere is refused") {
  wsi::collect::Plan plan{"/in", "/out", ""};
  plan.operations = {{Operation::Kind::move, false, "a", "b"}, {Operation::Kind::move, false, "c", "d"}};
  const std::string text = to_text(plan);
  CHECK_NOTHROW(plan_from(text));
  for (std::size_t size = 0; size + 1 < text.size(); ++size)
    CHECK_THROWS_AS(plan_from(text.substr(0, size)), Error);
  for (const char* path : {"../a", "/etc/passwd", "a/../../b", ".", "a/..", "%2e%2e/a", "%zz", "a%2"}) {
    std::string wrong = text;
    wrong.replace(wrong.find("\"a\""), 3, "\"" + std::string(path) + "\"");
    CHECK_THROWS_AS_MESSAGE(plan_from(wrong), Error, path);
  }
}
