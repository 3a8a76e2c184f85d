// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/error.h>
#include <pthread.h>

#include <numeric>

#include "nodes/table/h5_features.h"
#include "nodes/table/h5_file.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

int processes = 0;  // that this one has started
const int counted = pthread_atfork(
    nullptr, [] { ++processes; }, nullptr);

/// Tile t has the numbers 3 t, 3 t + 1, 3 t + 2, and `more`.
void write_features(const std::filesystem::path& path, std::size_t tiles, float more = 0) {
  std::vector<float> values(3 * tiles);
  std::iota(values.begin(), values.end(), more);
  H5Writer file(path);
  file.add({"features", H5Type::float32, {3}, 7});
  file.append("features", std::span<const float>(values));
  file.close();
}

/// Reads them five tiles at a time, and says how many processes that took.
int processes_to_read(const std::filesystem::path& path, std::uint64_t tiles, float more = 0) {
  const int before = processes;
  H5Features file(path);
  REQUIRE(file.facts().dimensions == 3);
  for (std::uint64_t first = 0; first < tiles; first += 5) {
    const std::uint64_t rows = std::min<std::uint64_t>(5, tiles - first);
    std::vector<float> found(3 * rows), expected(3 * rows);
    std::iota(expected.begin(), expected.end(), more + 3 * static_cast<float>(first));
    file.read(found.data(), rows);
    CHECK(found == expected);
  }
  return processes - before;
}

}  // namespace

TEST_CASE("features that were read as a whole are read again without a process") {
  REQUIRE(counted == 0);
  const TemporaryFolder folder;
  const auto file = folder / "x.h5";
  write_features(file, 23);
  CHECK(processes_to_read(file, 10) == 1);  // not to the end
  CHECK(processes_to_read(file, 23) == 1);
  CHECK(processes_to_read(file, 23) == 0);
  CHECK(processes_to_read(file, 10) == 0);
  const std::vector<std::uint64_t> some{3, 22};
  std::vector<float> found(6);
  H5Features(file, &some).read(found.data(), 2);
  CHECK(found == std::vector<float>{9, 10, 11, 66, 67, 68});

  write_features(folder / "other.h5", 23, 100);
  std::filesystem::rename(folder / "other.h5", file);
  CHECK(processes_to_read(file, 23, 100) == 1);
  CHECK(processes_to_read(file, 23, 100) == 0);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  CHECK_THROWS_AS(processes_to_read(file, 23), Error);
}
