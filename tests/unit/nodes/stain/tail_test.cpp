// SPDX-License-Identifier: Apache-2.0
#include "nodes/stain/tail.h"

#include <doctest/doctest.h>

#include <opencv2/core.hpp>
#include <random>
#include <vector>

using namespace flowrun::wsi;

namespace {

using Pixels = std::vector<const std::uint8_t*>;

/// Terms of a few values each, most the same at neighbouring levels, so that many pixels lie just at the
/// edge; and the brightest level that does not pass over.
struct Table {
  TailTest::Terms of[3][256];
  int brightest;

  explicit Table(std::mt19937& random) : brightest(static_cast<int>(random() % 300)) {
    const int most = 1 + static_cast<int>(random() % 8);
    for (auto& channel : of)
      for (int level = 0; level < 256; ++level) {
        for (double& term : channel[level]) term = static_cast<int>(random() % (2 * most + 1)) - most;
        if (level % 2 == 1 && random() % 4 > 0) channel[level] = channel[level - 1];
      }
  }
  bool passes_over(int level) const { return level > brightest; }
  /// What may be passed over, by the definition.
  bool passes_over(const std::uint8_t* pixel) const {
    for (int c = 0; c < 3; ++c)
      if (passes_over(pixel[c])) return true;
    for (int f = 0; f < TailTest::functions; ++f)
      if (of[0][pixel[0]][f] + of[1][pixel[1]][f] + of[2][pixel[2]][f] < 0) return false;
    return true;
  }
  TailTest test() const {
    TailTest test;
    test.set([&](int c, int level) { return of[c][level]; }, [&](int level) { return passes_over(level); });
    return test;
  }
};

Pixels seen(const TailTest& test, const cv::Mat& rgb, int step, bool by_64) {
  Pixels all;
  test.visit(
      rgb, step, [&](const std::uint8_t* pixel) { all.push_back(pixel); }, by_64);
  return all;
}

}  // namespace

TEST_CASE("the same pixels are seen 64 at a time, and all that are to be seen") {
  if (!has_avx512()) MESSAGE("no AVX-512 here: both ways are one");
  std::mt19937 random(17);
  for (int round = 0; round < 1000; ++round) {
    cv::Mat wide(3, 700, CV_8UC3);
    cv::randu(wide, 0, 256);
    const cv::Mat rgb = wide(cv::Rect(round % 7, 0, round % 64 + 64 * static_cast<int>(random() % 10), 3));
    const Table table(random);
    const TailTest test = table.test();
    const Pixels one_by_one = seen(test, rgb, 1, false);
    CHECK(seen(test, rgb, 1, has_avx512()) == one_by_one);
    CHECK(seen(test, rgb, 2, has_avx512()) == seen(test, rgb, 2, false));
    std::size_t next = 0, missed = 0;
    for (int i = 0; i < static_cast<int>(rgb.total()); ++i) {
      const std::uint8_t* const pixel = rgb.ptr(i / rgb.cols, i % rgb.cols);
      if (next < one_by_one.size() && one_by_one[next] == pixel)
        ++next;
      else
        missed += !table.passes_over(pixel);
    }
    CHECK(missed == 0);
    CHECK(next == one_by_one.size());
  }
}

TEST_CASE("where no function is negative, or a channel is too bright, nothing is seen") {
  cv::Mat rgb(5, 131, CV_8UC3);
  cv::randu(rgb, 0, 256);
  const auto count = [&](double term, int brightest) {
    TailTest test;
    test.set(
        [&](int, int) {
          return TailTest::Terms{1, term, 0};
        },
        [&](int level) { return level > brightest; });
    return seen(test, rgb, 1, has_avx512()).size();
  };
  CHECK(count(0, 255) == 0);
  CHECK(count(1, 255) == 0);
  CHECK(count(-1, 255) == rgb.total());
  CHECK(count(-1, -1) == 0);
}
