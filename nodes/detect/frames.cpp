// SPDX-License-Identifier: Apache-2.0
#include "frames.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <opencv2/core.hpp>
#include <vector>

namespace flowrun::wsi {
namespace {

/// Pixels along an edge that are black, from one to before the other.
struct Stretch {
  int begin, end;
};

/// One edge of an image: `at(along, inward)` is a pixel, `along` from 0 to before `length`.
struct Edge {
  int length, depth;
  std::function<std::uint8_t*(int along, int inward)> at;

  std::vector<Stretch> black_stretches() const {
    const int least = std::max(8, length / 20);
    std::vector<Stretch> all;
    for (int begin = 0; begin < length;) {
      int end = begin;
      while (end < length && *at(end, 0) <= black) ++end;
      if (end - begin >= least) all.push_back({begin, end});
      begin = end + 1;
    }
    return all;
  }
};

std::vector<Edge> edges_of(cv::Mat& image) {
  const int right = image.cols - 1, bottom = image.rows - 1;
  const auto pixel = [&image](int y, int x) { return image.ptr<std::uint8_t>(y) + x; };
  const auto at_left = [pixel](int y, int x) { return pixel(y, x); };
  const auto at_right = [pixel, right](int y, int x) { return pixel(y, right - x); };
  const auto at_top = [pixel](int x, int y) { return pixel(y, x); };
  const auto at_bottom = [pixel, bottom](int x, int y) { return pixel(bottom - y, x); };
  return {Edge{image.rows, image.cols, at_left}, Edge{image.rows, image.cols, at_right},
          Edge{image.cols, image.rows, at_top}, Edge{image.cols, image.rows, at_bottom}};
}

}  // namespace

bool mark_frames(cv::Mat& luma) {
  std::vector<std::vector<Stretch>> stretches;
  const auto edges = edges_of(luma);
  for (const Edge& edge : edges) stretches.push_back(edge.black_stretches());
  if (std::ranges::all_of(stretches, [](const auto& of_edge) { return of_edge.empty(); })) return false;
  cv::max(luma, 1, luma);
  for (std::size_t i = 0; i < edges.size(); ++i)
    for (const Stretch& stretch : stretches[i])
      for (int along = stretch.begin; along < stretch.end; ++along)
        for (int inward = 0; inward < edges[i].depth && *edges[i].at(along, inward) <= black; ++inward)
          *edges[i].at(along, inward) = 0;
  return true;
}

}  // namespace flowrun::wsi
