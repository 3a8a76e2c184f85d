// SPDX-License-Identifier: Apache-2.0
#include "run/series.h"

#include <doctest/doctest.h>

using flowrun::Series;

TEST_CASE("However long a run takes, its series has at most 999 samples, evenly from the beginning on") {
  Series series;
  std::uint64_t taken = 0;
  // As SeriesRecorder does it: one sample every `every()` ticks of its clock.
  for (std::uint64_t tick = 0; tick < 100'000; tick += series.every()) {
    series.add({static_cast<double>(tick), tick, 0, tick});
    ++taken;
    REQUIRE(series.samples().size() <= Series::most_samples);
  }
  CHECK(taken < 10'000);
  const auto& samples = series.samples();
  CHECK(samples.size() > Series::most_samples / 3);
  CHECK(samples.front().seconds == 0);
  for (std::size_t i = 1; i < samples.size(); ++i)
    CHECK(samples[i].seconds - samples[i - 1].seconds == static_cast<double>(series.every()));
}

TEST_CASE("A series is kept as columns of one length") {
  Series series;
  series.add({0, 1, 2, 4, {7, 3}});
  series.add({0.5, 10, 20, 40, {70, 30}});
  CHECK(series.json({})["packets"] == nlohmann::json{0, 0});
  CHECK(series.json(1) == nlohmann::json::parse(R"({"seconds": [0.0, 0.5], "leased_bytes": [1, 10],
                                                   "rss_bytes": [2, 20], "packets": [3, 30], "scopes": [4, 40]})"));
}
