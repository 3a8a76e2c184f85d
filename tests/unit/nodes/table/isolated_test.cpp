// SPDX-License-Identifier: Apache-2.0
#include "nodes/table/isolated.h"

#include <doctest/doctest.h>
#include <flowrun/error.h>

#include <array>
#include <csignal>
#include <thread>

#include "nodes/table/h5_file.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

TEST_CASE("isolated: messages come in order, then the end") {
  Isolated isolated([](const Isolated::Send& send) {
    for (int i = 0; i < 1000; ++i) send(std::string(static_cast<std::size_t>(i), 'x'));
  });
  for (std::size_t i = 0; i < 1000; ++i) {
    const auto message = isolated.receive();
    REQUIRE(message);
    REQUIRE(*message == std::string(i, 'x'));
  }
  CHECK(!isolated.receive());
}

TEST_CASE("isolated: errors, other exceptions, crashes") {
  Isolated error([](const Isolated::Send& send) {
    send("one");
    throw Error("x.h5: not good");
  });
  CHECK(error.receive() == "one");
  CHECK_THROWS_WITH_AS(error.receive(), "x.h5: not good", Error);
  Isolated other([](const Isolated::Send&) { throw std::bad_alloc(); });
  CHECK_THROWS_WITH_AS(other.receive(), "it broke off", Error);
  Isolated crash([](const Isolated::Send& send) {
    send("one");
    std::raise(SIGSEGV);
  });
  CHECK(crash.receive() == "one");
  CHECK_THROWS_WITH_AS(crash.receive(), "it crashed (Segmentation fault)", Error);
}

TEST_CASE("isolated: what nobody waits for ends with it") {
  Isolated endless([](const Isolated::Send& send) {
    for (;;) send(std::string(1000, 'x'));
  });
  CHECK(endless.receive()->size() == 1000);
}

TEST_CASE("isolated: HDF5 is read while other threads write it") {
  const TemporaryFolder folder;
  const auto write = [&](const std::string& name) {
    H5Writer file(folder / name);
    file.add({"coords", H5Type::int64, {2}, 1});
    for (std::int64_t i = 0; i < 20000; ++i) file.append<std::int64_t>("coords", std::array{i, -i});
    file.close();
  };
  write("read.h5");
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) threads.emplace_back([&, t] { write("written" + std::to_string(t) + ".h5"); });
  for (int n = 0; n < 20; ++n) {
    Isolated isolated([&](const Isolated::Send& send) {
      const H5Reader file(folder / "read.h5");
      std::vector<std::int64_t> rows;
      file.read("coords", 19000, 1000, rows);
      send(std::to_string(rows.at(1999)));
    });
    CHECK(isolated.receive() == "-19999");
    CHECK(!isolated.receive());
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(read_file(folder / "written0.h5") == read_file(folder / "read.h5"));
}
