// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>

#include "nodes/synth/synth.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

namespace fs = std::filesystem;

std::ptrdiff_t files_in(const TemporaryFolder& folder) {
  return std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator());
}

SynthOptions small_slide(std::int64_t width, std::int64_t height) {
  SynthOptions options;
  options.width = width;
  options.height = height;
  return options;
}

std::string written(const fs::path& path, const SynthOptions& options) {
  write_synthetic_slide(path, options);
  return read_file(path);
}

std::string failure_of(const fs::path& path, const SynthOptions& options,
                       const std::function<void(double)>& progress = {}) {
  try {
    write_synthetic_slide(path, options, progress);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "(no failure)";
}

}  // namespace

TEST_CASE("synthetic slide: the same options give the same bytes, another seed others") {
  const TemporaryFolder folder;
  SynthOptions options = small_slide(700, 500);
  options.annotations = folder / "a.xml";
  const std::string first = written(folder / "a.svs", options);
  const std::string xml = read_file(folder / "a.xml");
  CHECK((written(folder / "b.svs", options) == first));
  CHECK((read_file(folder / "a.xml") == xml));
  options.seed = 2;
  CHECK((written(folder / "c.svs", options) != first));
  CHECK((read_file(folder / "a.xml") != xml));
}

TEST_CASE("synthetic slide: folders that are not there yet are made") {
  const TemporaryFolder folder;
  SynthOptions options = small_slide(10, 10);
  options.annotations = folder / "xml" / "of" / "a.xml";
  write_synthetic_slide(folder / "slides" / "a.svs", options);
  CHECK(fs::exists(folder / "slides" / "a.svs"));
  CHECK(fs::exists(*options.annotations));
}

TEST_CASE("synthetic slide: progress rises to 1, and an exception from it cancels") {
  const TemporaryFolder folder;
  double last = 0.0;
  bool rising = true;
  write_synthetic_slide(folder / "a.svs", small_slide(700, 300), [&](double share) {
    rising = rising && share > last;
    last = share;
    CHECK(!fs::exists(folder / "a.svs"));
  });
  CHECK(rising);
  CHECK(last == 1.0);
  CHECK(files_in(folder) == 1);

  const std::string before = read_file(folder / "a.svs");
  SynthOptions options = small_slide(700, 600);
  options.annotations = folder / "a.xml";
  const auto cancel = [](double) { throw std::runtime_error("cancelled"); };
  CHECK(failure_of(folder / "a.svs", options, cancel) == "cancelled");
  CHECK(files_in(folder) == 1);
  CHECK((read_file(folder / "a.svs") == before));
}

TEST_CASE("synthetic slide: a failure names the path and the cause and leaves nothing behind") {
  const TemporaryFolder folder;
  const fs::path file = folder / "file";
  std::ofstream(file) << "in the way of a folder";
  const std::string blocked = failure_of(file / "a.svs", small_slide(10, 10));
  CHECK(blocked.find((file / "a.svs").string() + ": cannot write: Not a directory") != std::string::npos);
  CHECK(failure_of(folder.path() / "", small_slide(10, 10)).find("Is a directory") != std::string::npos);

  SynthOptions options = small_slide(10, 10);
  options.annotations = file / "a.xml";
  CHECK(failure_of(folder / "a.svs", options).find("a.xml: cannot write: Not a directory") !=
        std::string::npos);
  fs::remove(file);
  CHECK(files_in(folder) == 0);

  // A full disk, or the nearest to it that a test can have.
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit few{20000, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &few) == 0);
  const std::string full = failure_of(folder / "a.svs", small_slide(900, 900));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, old_handler);
  CHECK(full.find("a.svs: cannot write: ") != std::string::npos);
  CHECK(full.find("File too large") != std::string::npos);
  CHECK(files_in(folder) == 0);
}

TEST_CASE("synthetic slide: options out of range") {
  const TemporaryFolder folder;
  const auto rejects = [&](auto change, const std::string& about) {
    SynthOptions options = small_slide(10, 10);
    change(options);
    try {
      write_synthetic_slide(folder / "a.svs", options);
      FAIL("accepted");
    } catch (const std::invalid_argument& error) {
      const std::string text = error.what();
      CAPTURE(text);
      CHECK(text.find(about) != std::string::npos);
    }
  };
  rejects([](SynthOptions& o) { o.width = 0; }, "width is 0, must be 1 to 1000000");
  rejects([](SynthOptions& o) { o.height = -3; }, "height is -3");
  rejects([](SynthOptions& o) { o.width = 1000001; }, "width is 1000001");
  rejects([](SynthOptions& o) { o.mpp = 0.0; }, "mpp is 0");
  rejects([](SynthOptions& o) { o.mpp = -0.5; }, "mpp is -0.5");
  rejects([](SynthOptions& o) { o.mpp = std::numeric_limits<double>::quiet_NaN(); }, "mpp is nan");
  rejects([](SynthOptions& o) { o.mpp = std::numeric_limits<double>::infinity(); }, "mpp is inf");
  rejects([](SynthOptions& o) { o.tile = 100; }, "tile is 100");
  rejects([](SynthOptions& o) { o.tile = 0; }, "tile is 0");
  rejects([](SynthOptions& o) { o.quality = 101; }, "quality is 101");
  rejects([&](SynthOptions& o) { o.annotations = folder / "a.svs"; }, "same path");
  CHECK(files_in(folder) == 0);
}
