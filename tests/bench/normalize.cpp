// SPDX-License-Identifier: Apache-2.0
// Stain normalisation of one tile on one thread. usage: bench_normalize TILE SIDE REPETITIONS, where TILE has
// SIDE x SIDE x 3 bytes, RGB. Prints the best milliseconds of each step as JSON; normalize.py compares them
// with NumPy.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <opencv2/core.hpp>

#include "nodes/stain/stain_method.h"

using namespace flowrun::wsi;

namespace {

template <class F>
double milliseconds(int repetitions, F&& f) {
  double best = 1e9;
  for (int i = 0; i < repetitions; ++i) {
    const auto before = std::chrono::steady_clock::now();
    f();
    best = std::min(
        best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - before).count());
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return fmt::print(stderr, "usage: bench_normalize TILE SIDE REPETITIONS\n"), 2;
  const int side = std::stoi(argv[2]), repetitions = std::stoi(argv[3]);
  cv::Mat tile(side, side, CV_8UC3);
  const std::size_t bytes = tile.total() * 3;
  if (!std::ifstream(argv[1], std::ios::binary)
           .read(reinterpret_cast<char*>(tile.data), static_cast<std::streamsize>(bytes)))
    return fmt::print(stderr, "{} is too short\n", argv[1]), 1;
  cv::Mat work = tile.clone();
  const StainReport published;
  StainMethod macenko, exact, vahadane, reinhard;
  exact.exact = true;
  vahadane.method = "vahadane";
  reinhard.method = "reinhard";
  const auto change = macenko.change(macenko.start_of(tile).value(), published);
  if (!change) return fmt::print(stderr, "the tile has no stain\n"), 1;
  const auto whole = [&](const StainMethod& method) {
    return milliseconds(repetitions, [&] {
      std::memcpy(work.data, tile.data, bytes);
      method.change(method.start_of(work).value(), published)(work);
    });
  };
  fmt::print(
      "{{\"copy\": {}, \"apply\": {}, \"fit_apply\": {}, \"fit_apply_exact\": {}, \"vahadane\": {}, "
      "\"reinhard\": {}}}\n",
      milliseconds(repetitions, [&] { std::memcpy(work.data, tile.data, bytes); }),
      milliseconds(repetitions, [&] { change(work); }), whole(macenko), whole(exact), whole(vahadane),
      whole(reinhard));
  return 0;
}
