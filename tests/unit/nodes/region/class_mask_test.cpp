// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/error.h>
#include <flowrun/wsi/class_mask.h>

#include <cmath>
#include <limits>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <random>

#include "../exact_polygons.h"

using namespace flowrun;
using namespace flowrun::wsi;

namespace {

using Ring = std::vector<cv::Point2d>;

class Polygons {
 public:
  explicit Polygons(unsigned seed) : random_(seed) {}

  double between(double low, double high) {
    return low + (high - low) * static_cast<double>(random_() >> 11) / static_cast<double>(1ULL << 53);
  }
  int below(int end) { return static_cast<int>(between(0, end)); }

  /// Any points within the box: it crosses itself all over.
  Ring wild(cv::Rect2d box) {
    Ring ring;
    for (int left = 1 + below(12); left > 0; --left)
      ring.emplace_back(between(box.x, box.x + box.width), between(box.y, box.y + box.height));
    return ring;
  }
  /// An outline as people draw them.
  Ring blob(cv::Point2d centre, double radius, int points) {
    Ring ring;
    for (int i = 0; i < points; ++i) {
      const double angle = 2 * CV_PI * i / points, r = radius * between(0.7, 1);
      ring.emplace_back(centre.x + r * std::cos(angle), centre.y + r * std::sin(angle));
    }
    return ring;
  }

 private:
  std::mt19937_64 random_;
};

std::vector<std::vector<cv::Point>> whole_vertices(const Region& region, double downsample) {
  std::vector<std::vector<cv::Point>> rings;
  for (const Ring& ring : region.rings) {
    auto& points = rings.emplace_back();
    for (const cv::Point2d& p : ring)
      points.emplace_back(static_cast<int>(p.x / downsample), static_cast<int>(p.y / downsample));
  }
  return rings;
}

/// The whole mask by the rule.
cv::Mat by_geometry(const std::vector<Region>& regions, cv::Size size, double downsample) {
  cv::Mat mask = cv::Mat::zeros(size, CV_8UC1);
  for (const Region& region : regions)
    test::ExactPolygons(whole_vertices(region, downsample)).fill(mask, region.value, region.winding);
  return mask;
}

/// The whole mask by OpenCV, as scripts do it.
cv::Mat by_opencv(const std::vector<Region>& regions, cv::Size size, double downsample) {
  cv::Mat mask = cv::Mat::zeros(size, CV_8UC1);
  for (const Region& region : regions)
    cv::fillPoly(mask, whole_vertices(region, downsample), cv::Scalar(region.value));
  return mask;
}

cv::Mat whole(const ClassMask& mask, double downsample) {
  cv::Mat values(mask.size(downsample), CV_8UC1, cv::Scalar(99));
  mask.draw(downsample, 0, 0, values);
  return values;
}

int differing(const cv::Mat& a, const cv::Mat& b) {
  return cv::countNonZero(a != b);
}

}  // namespace

TEST_CASE("a triangle by hand") {
  const ClassMask mask({{"a", 7}}, {{7, {{{1, 1}, {5, 1}, {1, 5}}}}}, 7, 6);
  const cv::Mat expected = (cv::Mat_<std::uint8_t>(6, 7) << 0, 0, 0, 0, 0, 0, 0,  //
                            0, 7, 7, 7, 7, 7, 0,                                  //
                            0, 7, 7, 7, 7, 0, 0,                                  //
                            0, 7, 7, 7, 0, 0, 0,                                  //
                            0, 7, 7, 0, 0, 0, 0,                                  //
                            0, 7, 0, 0, 0, 0, 0);
  CHECK(differing(whole(mask, 1), expected) == 0);
}

TEST_CASE("random polygons are those of exact geometry") {
  Polygons random(7);
  for (const double downsample : {1.0, 3.7}) {
    const double side = 80 * downsample;
    int unequal = 0;
    for (int round = 0; round < 1000; ++round) {
      std::vector<Region> regions;
      for (int left = 1 + random.below(3); left > 0; --left) {
        auto& region = regions.emplace_back(Region{static_cast<std::uint8_t>(random.below(4)), {}});
        region.winding = round % 2 == 1;
        for (int rings = 1 + random.below(3); rings > 0; --rings)  // some beyond the slide
          region.rings.push_back(random.wild({-0.2 * side, -0.2 * side, 1.4 * side, 1.4 * side}));
      }
      const ClassMask mask({}, regions, static_cast<std::int64_t>(side), static_cast<std::int64_t>(side));
      unequal += differing(whole(mask, downsample), by_geometry(regions, mask.size(downsample), downsample));
    }
    CHECK(unequal == 0);
  }
}

TEST_CASE("random polygons within the slide are those of cv::fillPoly of OpenCV 4.6" *
          doctest::skip(CV_VERSION_MAJOR > 4 || CV_VERSION_MINOR > 6)) {
  Polygons random(1);
  for (const double downsample : {1.0, 3.7, 8.0, 64.0}) {
    const auto side = static_cast<std::int64_t>(300 * downsample);
    const double last = static_cast<double>(side) - downsample;
    int unequal = 0;
    for (int round = 0; round < 2000; ++round) {
      std::vector<Region> regions;
      for (int left = 1 + random.below(3); left > 0; --left) {
        auto& region = regions.emplace_back(Region{static_cast<std::uint8_t>(random.below(4)), {}});
        for (int rings = 1 + random.below(3); rings > 0; --rings) {
          const double x = random.between(0, last), y = random.between(0, last);
          region.rings.push_back(random.wild({x, y, last - x, last - y}));
        }
      }
      const ClassMask mask({}, regions, side, side);
      unequal += differing(whole(mask, downsample), by_opencv(regions, mask.size(downsample), downsample));
    }
    CHECK(unequal == 0);
  }
}

TEST_CASE("any window shows what the whole mask shows there") {
  Polygons random(2);
  for (const double downsample : {1.0, 3.7, 8.0, 64.0}) {
    const double side = 400 * downsample;
    std::vector<Region> regions;
    for (int i = 0; i < 120; ++i) {
      const cv::Point2d centre(random.between(-0.2 * side, 1.2 * side),
                               random.between(-0.2 * side, 1.2 * side));
      const double radius = random.between(0, side / 4);
      Region region{static_cast<std::uint8_t>(random.below(6)), {}};
      region.rings.push_back(random.blob(centre, radius, 3 + random.below(2000)));
      if (i % 3 == 0) region.rings.push_back(random.blob(centre, radius / 2, 60));
      if (i % 10 == 0) region.rings.push_back(random.wild({-side, -side, 3 * side, 3 * side}));
      regions.push_back(std::move(region));
    }
    const ClassMask mask({}, regions, static_cast<std::int64_t>(side), static_cast<std::int64_t>(side));
    const cv::Mat all = whole(mask, downsample);
    CHECK(cv::countNonZero(all) > 10000);
    cv::Mat framed;
    cv::copyMakeBorder(all, framed, 200, 200, 200, 200, cv::BORDER_CONSTANT, cv::Scalar(0));
    int unequal = 0;
    for (int round = 0; round < 400; ++round) {
      const cv::Rect window(random.below(600), random.below(600), 1 + random.below(199),
                            1 + random.below(199));
      cv::Mat values(window.size(), CV_8UC1, cv::Scalar(99));
      mask.draw(downsample, window.x - 200, window.y - 200, values);
      unequal += differing(values, framed(window));
    }
    CHECK(unequal == 0);
  }
}

TEST_CASE("a slide of 100,000 x 100,000 pixels with 10,000 regions") {
  Polygons random(3);
  constexpr double side = 100000;
  std::vector<Region> regions;
  for (int i = 0; i < 10000; ++i) {
    const double radius = random.between(50, i % 100 == 0 ? 8000 : 600);
    const auto middle = [&] { return random.between(radius, side - 1 - radius); };
    const cv::Point2d centre(middle(), middle());
    regions.push_back({static_cast<std::uint8_t>(i % 8), {random.blob(centre, radius, 100)}});
  }
  const ClassMask mask({}, regions, 100000, 100000);
  for (const double downsample : {16.0, 64.0})
    CHECK(differing(whole(mask, downsample), by_geometry(regions, mask.size(downsample), downsample)) == 0);

  // At full resolution: the small regions that reach into a window, moved into a picture that holds them.
  constexpr int first = 54321, window = 2000, frame = 1300;
  std::vector<Region> near, moved;
  for (const Region& region : regions) {
    const cv::Rect2d box(
        cv::boundingRect(std::vector<cv::Point2f>(region.rings[0].begin(), region.rings[0].end())));
    if ((box & cv::Rect2d(first, first, window, window)).empty() || box.width > 1200) continue;
    near.push_back(region);
    Region& at_origin = moved.emplace_back(region);
    for (cv::Point2d& p : at_origin.rings[0]) p -= cv::Point2d(first - frame, first - frame);
  }
  CHECK(near.size() > 5);
  cv::Mat values(window, window, CV_8UC1);
  ClassMask({}, near, 100000, 100000).draw(1, first, first, values);
  const cv::Size picture(window + 2 * frame, window + 2 * frame);
  CHECK(differing(values, by_geometry(moved, picture, 1)(cv::Rect(frame, frame, window, window))) == 0);
}

TEST_CASE("outlines far beyond the slide are clipped without a trace") {
  // The diagonal of a square of two billion pixels goes through the middle of the slide.
  const ClassMask mask({}, {{1, {{{-1e9, -1e9}, {1e9, 1e9}, {-1e9, 1e9}}}}}, 1000, 1000);
  cv::Mat expected = cv::Mat::zeros(1000, 1000, CV_8UC1);
  for (int y = 0; y < 1000; ++y) expected.row(y).colRange(0, y + 1).setTo(1);
  CHECK(differing(whole(mask, 1), expected) == 0);
  const ClassMask around({}, {{3, {{{-1e9, -1e9}, {1e9, -1e9}, {1e9, 1e9}, {-1e9, 1e9}}}}}, 100, 100);
  CHECK(cv::countNonZero(whole(around, 0.5) == 3) == 200 * 200);
}

TEST_CASE("regions of value 0 cut holes into those before them only") {
  const auto square = [](double from, double to) {
    return Ring{{from, from}, {to, from}, {to, to}, {from, to}};
  };
  const ClassMask mask({}, {{1, {square(0, 9)}}, {0, {square(2, 7)}}, {2, {square(4, 5)}}}, 10, 10);
  const cv::Mat all = whole(mask, 1);
  CHECK(cv::countNonZero(all == 1) == 100 - 36);
  CHECK(cv::countNonZero(all == 2) == 4);
}

TEST_CASE("winding numbers: what an outline goes around twice is inside, or outside by the even-odd rule") {
  // 0 to 9 and then, the same way around, 2 to 5: one line, twice around the inner square.
  const Ring twice{{0, 0}, {9, 0}, {9, 9}, {0, 9}, {0, 0}, {2, 2}, {5, 2}, {5, 5}, {2, 5}, {2, 2}};
  Ring back = twice;
  std::reverse(back.begin() + 5, back.end());
  const auto inside = [](const Ring& ring, bool winding) {
    const ClassMask mask({}, {{1, {ring}, 0, false, winding}}, 12, 12);
    for (int x = 0; x < 8; ++x) {  // in any window
      cv::Mat window(12, 4, CV_8UC1);
      mask.draw(1, x, 0, window);
      CHECK(differing(window, whole(mask, 1).colRange(x, x + 4)) == 0);
    }
    return cv::countNonZero(whole(mask, 1));
  };
  CHECK(inside(twice, true) == 100);
  CHECK(inside(twice, false) == 100 - 4);  // pixels inside of 2 to 5 that no line passes
  CHECK(inside(back, true) == 100 - 4);
  CHECK(inside(back, false) == 100 - 4);
}

TEST_CASE("holes are cut out of their layer alone, wherever in the list they stand") {
  Polygons random(9);
  std::vector<Region> regions;
  std::vector<cv::Mat> layers;
  for (std::uint32_t layer = 0; layer < 4; ++layer) {
    std::vector<Region> own, holes;
    for (int i = 0; i < 6; ++i)
      own.push_back({static_cast<std::uint8_t>(1 + layer + i % 2),
                     {random.blob({100.0 + 60 * i, 120.0 + 40 * layer}, 90, 40)},
                     layer});
    for (int i = 0; i < 5 && layer > 0; ++i)
      holes.push_back({0, {random.blob({120.0 + 60 * i, 150.0 + 40 * layer}, 30, 20)}, layer, true});
    std::vector<Region> in_order = own;
    in_order.insert(in_order.end(), holes.begin(), holes.end());
    layers.push_back(by_geometry(in_order, {500, 400}, 1));
    regions.insert(regions.end(), own.begin(), own.begin() + 3);
    regions.insert(regions.begin() + static_cast<std::ptrdiff_t>(layer), holes.begin(), holes.end());
    regions.insert(regions.end(), own.begin() + 3, own.end());
  }
  cv::Mat expected = cv::Mat::zeros(400, 500, CV_8UC1);
  for (const cv::Mat& layer : layers) layer.copyTo(expected, layer);
  const ClassMask mask({}, regions, 500, 400);
  CHECK(differing(whole(mask, 1), expected) == 0);
  cv::Mat window(90, 70, CV_8UC1);
  mask.draw(1, 130, 111, window);
  CHECK(differing(window, expected(cv::Rect(130, 111, 70, 90))) == 0);
}

TEST_CASE("rings of no, one and two points, and no regions at all") {
  CHECK(cv::countNonZero(whole(ClassMask({}, {}, 10, 10), 1)) == 0);
  const ClassMask mask({}, {{1, {}}, {1, {{}}}, {1, {{}, {{3, 3}}}}, {1, {{{5, 5}, {8, 5}}}}}, 10, 10);
  CHECK(cv::countNonZero(whole(mask, 1)) == 1 + 4);
}

TEST_CASE("a point that is no number is refused") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH_AS(ClassMask({}, {{1, {}}, {1, {{{0, 0}, {1, nan}, {2, 2}}}}}, 10, 10),
                       "region 2 has the point (1, nan); coordinates are finite numbers", Error);
}

TEST_CASE("the sum of bytes grows with the points") {
  Polygons random(4);
  const ClassMask few({}, {{1, {random.blob({50, 50}, 20, 10)}}}, 100, 100);
  const ClassMask many({}, {{1, {random.blob({50, 50}, 20, 100000)}}}, 100, 100);
  CHECK(few.bytes() < 1000);
  CHECK(many.bytes() > 1600000);
  CHECK(many.bytes() < 2200000);
}
